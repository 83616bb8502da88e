//! `prosector serve`

use std::net::SocketAddr;

use clap::Args;

use super::DeviceArgs;

/// `prosector serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where to listen. Others reach a loopback address through an SSH tunnel: `ssh -L 4717:127.0.0.1:4717 THIS_MACHINE`.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4717")]
    pub listen: SocketAddr,
    /// Listen at an address that other machines reach. The connection is not encrypted: whoever is on the way can read the
    /// voxels of scans.
    #[arg(long)]
    pub open_to_network: bool,
    /// The model; without it the one that is used where none is named.
    #[arg(long, value_name = "ID")]
    pub model: Option<String>,
    /// Which processor of this machine computes.
    #[command(flatten)]
    pub device: DeviceArgs,
}
