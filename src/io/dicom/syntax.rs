//! Transfer syntaxes: how a data set is encoded and which codec its pixels need.

use dicom_dictionary_std::uids;

/// How the elements of a data set are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    /// Each element names its value representation.
    pub explicit: bool,
    /// Most significant byte first.
    pub big_endian: bool,
}

impl Encoding {
    /// Explicit VR little endian, which every compressed syntax uses too.
    pub const EXPLICIT_LITTLE: Self = Self {
        explicit: true,
        big_endian: false,
    };
    /// Implicit VR little endian.
    pub const IMPLICIT_LITTLE: Self = Self {
        explicit: false,
        big_endian: false,
    };
}

const EXPLICIT_BIG: &str = "1.2.840.10008.1.2.2";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// What turns pixel bytes into samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    /// Not compressed.
    Native,
    /// Run lengths of byte planes.
    Rle,
    /// Baseline, extended 8 bit and lossless JPEG.
    Jpeg,
    /// JPEG-LS.
    JpegLs,
    /// JPEG 2000.
    Jpeg2000,
    /// Known or unknown, but not decoded here.
    Unsupported,
}

/// A transfer syntax as the file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Syntax {
    /// The UID, empty where the file has none.
    pub uid: String,
}

/// UID after the common prefix, name, codec.
const TABLE: &[(&str, &str, Codec)] = &[
    ("", "Implicit VR Little Endian", Codec::Native),
    (".1", "Explicit VR Little Endian", Codec::Native),
    (".1.98", "Encapsulated Uncompressed", Codec::Native),
    (".1.99", "Deflated Explicit VR Little Endian", Codec::Native),
    (".2", "Explicit VR Big Endian", Codec::Native),
    (".4.50", "JPEG Baseline (Process 1)", Codec::Jpeg),
    (".4.51", "JPEG Extended (Process 2 and 4)", Codec::Jpeg),
    (
        ".4.52",
        "JPEG Extended (Process 3 and 5)",
        Codec::Unsupported,
    ),
    (
        ".4.53",
        "JPEG Spectral Selection (Process 6 and 8)",
        Codec::Unsupported,
    ),
    (
        ".4.54",
        "JPEG Spectral Selection (Process 7 and 9)",
        Codec::Unsupported,
    ),
    (
        ".4.55",
        "JPEG Full Progression (Process 10 and 12)",
        Codec::Unsupported,
    ),
    (
        ".4.56",
        "JPEG Full Progression (Process 11 and 13)",
        Codec::Unsupported,
    ),
    (".4.57", "JPEG Lossless (Process 14)", Codec::Jpeg),
    (".4.58", "JPEG Lossless (Process 15)", Codec::Unsupported),
    (
        ".4.70",
        "JPEG Lossless (Process 14, Selection Value 1)",
        Codec::Jpeg,
    ),
    (".4.80", "JPEG-LS Lossless", Codec::JpegLs),
    (".4.81", "JPEG-LS Near-Lossless", Codec::JpegLs),
    (".4.90", "JPEG 2000 Lossless", Codec::Jpeg2000),
    (".4.91", "JPEG 2000", Codec::Jpeg2000),
    (".4.92", "JPEG 2000 Part 2 Lossless", Codec::Unsupported),
    (".4.93", "JPEG 2000 Part 2", Codec::Unsupported),
    (".4.94", "JPIP Referenced", Codec::Unsupported),
    (".4.95", "JPIP Referenced Deflate", Codec::Unsupported),
    (".4.100", "MPEG-2 Main Level", Codec::Unsupported),
    (".4.101", "MPEG-2 High Level", Codec::Unsupported),
    (".4.102", "MPEG-4 AVC/H.264", Codec::Unsupported),
    (".4.107", "HEVC/H.265 Main", Codec::Unsupported),
    (".4.108", "HEVC/H.265 Main 10", Codec::Unsupported),
    (".4.110", "JPEG XL Lossless", Codec::Unsupported),
    (".4.111", "JPEG XL JPEG Recompression", Codec::Unsupported),
    (".4.112", "JPEG XL", Codec::Unsupported),
    (
        ".4.201",
        "High-Throughput JPEG 2000 Lossless",
        Codec::Unsupported,
    ),
    (
        ".4.202",
        "High-Throughput JPEG 2000 Lossless RPCL",
        Codec::Unsupported,
    ),
    (".4.203", "High-Throughput JPEG 2000", Codec::Unsupported),
    (".5", "RLE Lossless", Codec::Rle),
    (
        ".8.1",
        "Deflated Image Frame Compression",
        Codec::Unsupported,
    ),
];

impl Syntax {
    fn entry(&self) -> Option<&'static (&'static str, &'static str, Codec)> {
        let tail = self.uid.strip_prefix(uids::IMPLICIT_VR_LITTLE_ENDIAN)?;
        TABLE.iter().find(|(t, ..)| *t == tail)
    }

    /// The standard's name with the UID.
    pub fn name(&self) -> String {
        let name = self.entry().map_or("unknown transfer syntax", |e| e.1);
        format!("{name} ({})", self.uid)
    }

    /// What its pixels need; a missing UID means not compressed.
    pub fn codec(&self) -> Codec {
        if self.uid.is_empty() {
            return Codec::Native;
        }
        self.entry().map_or(Codec::Unsupported, |e| e.2)
    }

    /// Whether everything after the file meta group is deflated.
    pub fn is_deflated(&self) -> bool {
        self.uid == DEFLATED
    }

    /// The layout of the data set by its bytes (`guess`), which are believed before the declaration: writers get this
    /// wrong. Compressed ones are little endian.
    pub fn encoding(&self, guess: Encoding) -> Encoding {
        let is_native = matches!(
            self.uid.as_str(),
            "" | uids::IMPLICIT_VR_LITTLE_ENDIAN | uids::EXPLICIT_VR_LITTLE_ENDIAN | EXPLICIT_BIG
        );
        Encoding {
            big_endian: guess.big_endian && is_native,
            ..guess
        }
    }
}
