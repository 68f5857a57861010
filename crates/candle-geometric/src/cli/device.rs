//! Where a model runs: the one place that picks a device.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result};
use candle_geometric::Device;

use super::error::OrHint;

/// A device by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceName {
    Cpu,
    Cuda(usize),
    Metal,
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            None if text == "metal" => Ok(Self::Metal),
            Some(("cuda", ordinal)) => {
                let ordinal = ordinal.parse();
                ordinal.map(Self::Cuda).map_err(|_| "expected a number after `cuda:`".to_string())
            }
            _ => Err("expected `cpu`, `cuda`, `cuda:N` or `metal`".to_string()),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

impl DeviceName {
    /// Opens the device.
    ///
    /// # Errors
    /// If the machine has no such device, or the program was built without support for it.
    pub(crate) fn open(self) -> Result<Device> {
        let (device, feature, built) = match self {
            Self::Cpu => return Ok(Device::Cpu),
            Self::Cuda(ordinal) => (Device::new_cuda(ordinal), "cuda", cfg!(feature = "cuda")),
            Self::Metal => (Device::new_metal(0), "metal", cfg!(feature = "metal")),
        };
        let device = device.with_context(|| format!("cannot use the device {self}"));
        if built { device } else { device.hint(format!("build the program with `--features {feature}`")) }
    }
}

#[cfg(test)]
mod tests {
    use super::DeviceName;

    #[test]
    fn names() {
        assert_eq!("cuda".parse(), Ok(DeviceName::Cuda(0)));
        assert_eq!("cuda:3".parse(), Ok(DeviceName::Cuda(3)));
        assert_eq!("metal".parse(), Ok(DeviceName::Metal));
        for bad in ["gpu", "cuda:", "cuda:x", "cpu:0", ""] {
            assert!(bad.parse::<DeviceName>().is_err(), "{bad}");
        }
    }
}
