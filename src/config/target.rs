//! The system that the programs of a stage run on: the build compiles for it and checks the programs against it.

use schemars::JsonSchema;
use serde::Deserialize;

/// A processor, in the words of Lambda and of the images of Amazon Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Architecture {
    /// Intel and AMD, 64 bits
    #[serde(rename = "x86_64")]
    X86_64,
    /// Graviton
    #[serde(rename = "arm64")]
    Arm64,
}

impl Architecture {
    /// Returns the name that CloudFormation, Lambda and the images know.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// Returns the target that Rust compiles for.
    pub fn triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// Returns the instance type of a server, where the settings name none.
    pub fn instance_type(self) -> &'static str {
        match self {
            Self::X86_64 => "t3.small",
            Self::Arm64 => "t4g.small",
        }
    }

    /// Returns the processor of this machine.
    pub fn of_this_machine() -> Self {
        if std::env::consts::ARCH == "aarch64" {
            Self::Arm64
        } else {
            Self::X86_64
        }
    }

    /// Returns the processor of an EC2 instance type: a `g` among what follows the generation means
    /// Graviton, and so does the family `a1`.
    /// Source: EC2 Instance Types, "Amazon EC2 instance type naming conventions".
    pub fn of_instance_type(instance_type: &str) -> Self {
        let family = instance_type.split('.').next().unwrap_or_default();
        let series = family.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
        let options = series.trim_start_matches(|digit: char| digit.is_ascii_digit());
        if family == "a1" || options.contains('g') {
            Self::Arm64
        } else {
            Self::X86_64
        }
    }
}

/// A system that programs are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildTarget {
    /// The one that builds: whatever its own toolchain makes runs on it.
    ThisMachine,
    /// Amazon Linux 2023: Lambda's `provided.al2023`, and the servers' image.
    AmazonLinux(Architecture),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_type_says_its_processor() {
        let arm = [
            "t4g.small",
            "m7gd.large",
            "c6gn.2xlarge",
            "is4gen.medium",
            "a1.large",
        ];
        for name in arm {
            assert_eq!(
                Architecture::of_instance_type(name),
                Architecture::Arm64,
                "{name}"
            );
        }
        for name in [
            "t3.small",
            "g4dn.xlarge",
            "m7i-flex.large",
            "c5d.large",
            "t3a.small",
        ] {
            assert_eq!(
                Architecture::of_instance_type(name),
                Architecture::X86_64,
                "{name}"
            );
        }
    }

    #[test]
    fn the_default_instance_type_is_of_its_architecture() {
        for architecture in [Architecture::X86_64, Architecture::Arm64] {
            let default = architecture.instance_type();
            assert_eq!(Architecture::of_instance_type(default), architecture);
        }
    }
}
