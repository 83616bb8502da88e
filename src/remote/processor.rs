//! Where a model computes, as it is typed.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::models::DeviceChoice;

/// What the user asked for with `--device`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Processor {
    /// One of this machine.
    Here(DeviceChoice),
    /// Whatever the model that is served there computes on.
    There(Address),
}

/// Where a model is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// What stands before an address.
const REMOTE: &str = "remote:";

impl Processor {
    /// What has no address, with its name.
    const HERE: [(&'static str, DeviceChoice); 3] = [
        ("auto", DeviceChoice::Auto),
        ("cpu", DeviceChoice::Cpu),
        ("gpu", DeviceChoice::Gpu),
    ];
}

impl FromStr for Processor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(address) = text.strip_prefix(REMOTE) {
            return Ok(Self::There(address.parse()?));
        }
        let here = Self::HERE.iter().find(|(name, _)| *name == text);
        let here = here.map(|(_, device)| Self::Here(*device));
        here.ok_or_else(|| "give auto, cpu, gpu or remote:HOST:PORT".to_owned())
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once(':');
        let parts = parts.and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = parts
            .filter(|&(host, port)| !host.is_empty() && port != 0u16)
            .ok_or_else(|| {
                "give where a model is served, such as remote:127.0.0.1:4717".to_owned()
            })?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        Ok(Self {
            host: bare.unwrap_or(host).to_owned(),
            port,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Address {
    /// Whether it is this machine itself, as the near end of a tunnel is.
    pub fn is_loopback(&self) -> bool {
        let ip: Option<IpAddr> = self.host.parse().ok();
        ip.map_or(self.host == "localhost", |ip| ip.is_loopback())
    }

    /// What to say where what goes over can be read on its way.
    pub fn warning(&self) -> Option<String> {
        (!self.is_loopback()).then(|| {
            format!(
                "the connection to {self} is not encrypted, and the scan's voxels travel over it: use an SSH tunnel (ssh -L {port}:127.0.0.1:{port} {}, then --device remote:127.0.0.1:{port})",
                self.host,
                port = self.port
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_and_what_is_none_is_refused() {
        let there = |host: &str, port| {
            let host = host.to_owned();
            Ok(Processor::There(Address { host, port }))
        };
        assert_eq!("cpu".parse(), Ok(Processor::Here(DeviceChoice::Cpu)));
        assert_eq!("remote:gpu-box:4717".parse(), there("gpu-box", 4717));
        assert_eq!("remote:[::1]:80".parse(), there("::1", 80));
        for wrong in [
            "tpu",
            "remote:",
            "remote:x",
            "remote::80",
            "remote:x:0",
            "remote:x:99999",
        ] {
            assert!(wrong.parse::<Processor>().is_err(), "{wrong}");
        }
        let address = |text: &str| text.parse::<Address>().unwrap();
        for near in ["127.0.0.1:1", "[::1]:1", "localhost:1"] {
            assert_eq!(address(near).warning(), None, "{near}");
            assert_eq!(address(near).to_string(), near);
        }
        assert!(address("10.0.0.7:1").warning().is_some());
    }
}
