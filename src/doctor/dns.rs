//! The client to DNS: which name servers a domain has, who may issue certificates for it, and whether a
//! host exists. The resolver is the machine's own, or any that the caller names.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};

/// The longest time that one server may take; two attempts fit into the time limit of one answer.
const ATTEMPT: Duration = Duration::from_millis(1200);

/// A resolver.
#[derive(Clone)]
pub struct Dns {
    resolver: TokioResolver,
}

/// An answer of DNS to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsAnswer<T> {
    /// The records.
    Found(T),
    /// There is no such record, or no such name.
    Nothing,
    /// The resolver cannot find it out (`SERVFAIL` and the like): those who should know do not answer,
    /// or refuse.
    Broken(String),
    /// The resolver itself does not answer.
    Silent(String),
}

impl Dns {
    /// Uses the resolver of this machine.
    ///
    /// # Errors
    /// This machine has none.
    pub fn system() -> Result<Self> {
        let builder =
            TokioResolver::builder_tokio().context("failed to read the machine's DNS settings")?;
        Self::build(builder)
    }

    /// Uses the resolver at an address.
    ///
    /// # Errors
    /// It cannot be set up.
    pub fn at(server: SocketAddr) -> Result<Self> {
        let mut connection = ConnectionConfig::udp();
        connection.port = server.port();
        let mut name_server = NameServerConfig::udp(server.ip());
        name_server.connections = vec![connection];
        let config = ResolverConfig::from_name_servers(vec![name_server]);
        let provider = TokioRuntimeProvider::default();
        Self::build(TokioResolver::builder_with_config(config, provider))
    }

    fn build(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<Self> {
        let options: &mut ResolverOpts = builder.options_mut();
        options.timeout = ATTEMPT;
        options.attempts = 1;
        let resolver = builder.build().context("failed to set up DNS")?;
        Ok(Self { resolver })
    }

    /// Returns the name servers of a domain, without a dot at the end.
    pub async fn name_servers(&self, domain: &str) -> DnsAnswer<BTreeSet<String>> {
        let answer = self.ask(domain, RecordType::NS, |record| match record {
            RData::NS(server) => Some(bare(&server.0.to_utf8())),
            _ => None,
        });
        answer.await
    }

    /// Returns the certification authorities that a domain's own CAA records name in `issue`; an empty
    /// name means that nobody may. CAA records without `issue` forbid nothing and are ignored.
    pub async fn issuers(&self, domain: &str) -> DnsAnswer<BTreeSet<String>> {
        let answer = self.ask(domain, RecordType::CAA, |record| match record {
            RData::CAA(record) if record.tag.eq_ignore_ascii_case("issue") => {
                let value = String::from_utf8_lossy(&record.value).into_owned();
                let issuer = value.split(';').next().unwrap_or_default();
                Some(issuer.trim().to_lowercase())
            }
            // Marks that there is a set of records, so that nobody climbs on.
            RData::CAA(_) => Some(ANY_ISSUER.to_owned()),
            _ => None,
        });
        answer.await
    }

    /// Asks whether a host has an address.
    pub async fn has_address(&self, host: &str) -> DnsAnswer<BTreeSet<String>> {
        let answer = self.ask(host, RecordType::A, |record| match record {
            RData::A(address) => Some(address.0.to_string()),
            _ => None,
        });
        answer.await
    }

    async fn ask(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<String>,
    ) -> DnsAnswer<BTreeSet<String>> {
        // With the dot at the end nothing of the machine's search list is tried.
        match self.resolver.lookup(format!("{name}."), kind).await {
            Ok(lookup) => {
                let records = lookup.answers().iter().map(|record| &record.data);
                let found: BTreeSet<String> = records.filter_map(read).collect();
                if found.is_empty() {
                    DnsAnswer::Nothing
                } else {
                    DnsAnswer::Found(found)
                }
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(nothing))) => {
                use hickory_resolver::proto::op::ResponseCode as Code;
                match nothing.response_code {
                    Code::NoError | Code::NXDomain => DnsAnswer::Nothing,
                    code => DnsAnswer::Broken(code.to_string()),
                }
            }
            Err(NetError::Dns(DnsError::ResponseCode(code))) => DnsAnswer::Broken(code.to_string()),
            Err(error) => DnsAnswer::Silent(error.to_string()),
        }
    }
}

/// Stands for a CAA record that says nothing of issuing.
pub(super) const ANY_ISSUER: &str = "(any)";

fn bare(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}
