//! Route 53: hosted zones and their records.

use anyhow::{Context, Result};
use aws_sdk_route53::Client;
use aws_sdk_route53::error::ProvideErrorMetadata;
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};

use super::fault::fault;

/// The client to Route 53.
#[derive(Clone, Debug)]
pub struct Route53 {
    client: Client,
}

/// One record set of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecord {
    /// The host, without a dot at the end.
    pub name: String,
    /// `A`, `AAAA`, `NS`, ….
    pub kind: String,
    /// The name that an alias points to, without a dot at the end.
    pub target: Option<String>,
}

/// A hosted zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its id, without `/hostedzone/`.
    pub id: String,
    /// Its domain, without a dot at the end.
    pub name: String,
    /// The servers that answer for it, without a dot at the end.
    pub name_servers: Vec<String>,
}

impl Route53 {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns a zone, or `None` if there is none with this id.
    ///
    /// # Errors
    /// It may not be read.
    pub async fn find_zone(&self, id: &str) -> Result<Option<Zone>> {
        let output = match self.client.get_hosted_zone().id(id).send().await {
            Ok(output) => output,
            Err(error) if error.code() == Some("NoSuchHostedZone") => return Ok(None),
            Err(error) => {
                return Err(fault(error)).with_context(|| format!("failed to read zone `{id}`"));
            }
        };
        let bare = |name: &str| name.trim_end_matches('.').to_lowercase();
        let servers = output.delegation_set.map(|set| set.name_servers);
        let name = output.hosted_zone.map(|zone| bare(&zone.name));
        Ok(Some(Zone {
            id: id.to_owned(),
            name: name.unwrap_or_default(),
            name_servers: servers
                .unwrap_or_default()
                .iter()
                .map(|name| bare(name))
                .collect(),
        }))
    }

    /// Lists every record set of a zone.
    ///
    /// # Errors
    /// There is no such zone, or it may not be read.
    pub async fn list_records(&self, zone_id: &str) -> Result<Vec<DnsRecord>> {
        let mut records: Vec<DnsRecord> = self
            .list_record_sets(zone_id)
            .await?
            .into_iter()
            .map(DnsRecord::from)
            .collect();
        records.dedup();
        Ok(records)
    }

    /// Deletes the records by which ACM validated certificates, and returns how many there were.
    /// CloudFormation makes them with a certificate and forgets them with it, and a zone that holds
    /// them cannot be deleted. Where the zone holds somebody else's records too, it cannot go anyway: then
    /// nothing is deleted, as the validations may be theirs.
    ///
    /// # Errors
    /// There is no such zone, or it may not be changed.
    pub async fn delete_validation_records(&self, zone_id: &str) -> Result<usize> {
        let sets = self.list_record_sets(zone_id).await?;
        let (sets, others): (Vec<_>, Vec<_>) = sets.into_iter().partition(is_validation);
        if sets.is_empty() || has_foreign(&others) {
            return Ok(0);
        }
        let deleted = sets.len();
        let changes = sets.into_iter().map(|set| {
            Change::builder()
                .action(ChangeAction::Delete)
                .resource_record_set(set)
                .build()
        });
        let changes = changes.collect::<Result<Vec<_>, _>>()?;
        let batch = ChangeBatch::builder().set_changes(Some(changes)).build()?;
        let request = self
            .client
            .change_resource_record_sets()
            .hosted_zone_id(zone_id);
        let response = request.change_batch(batch).send().await;
        response
            .map_err(fault)
            .with_context(|| format!("failed to delete records of zone `{zone_id}`"))?;
        Ok(deleted)
    }

    async fn list_record_sets(&self, zone_id: &str) -> Result<Vec<ResourceRecordSet>> {
        let mut records = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let request = self
                .client
                .list_resource_record_sets()
                .hosted_zone_id(zone_id);
            let response = request.set_start_record_name(next).send().await;
            let page = response
                .map_err(fault)
                .with_context(|| format!("failed to list the records of zone `{zone_id}`"))?;
            records.extend(page.resource_record_sets);
            next = page.next_record_name;
            if !page.is_truncated || next.is_none() {
                return Ok(records);
            }
        }
    }
}

/// ACM's validation records end here.
/// Source: AWS Certificate Manager User Guide, "DNS validation".
const VALIDATION_TARGET: &str = "acm-validations.aws";

fn is_validation(set: &ResourceRecordSet) -> bool {
    let values = set.resource_records();
    values.iter().any(|record| {
        record
            .value()
            .trim_end_matches('.')
            .ends_with(VALIDATION_TARGET)
    })
}

/// Returns whether there is more than the two records that Route 53 makes with a zone.
/// Source: Amazon Route 53 Developer Guide, "NS and SOA records that Route 53 creates for a public hosted zone".
fn has_foreign(sets: &[ResourceRecordSet]) -> bool {
    let apex = sets.iter().find(|set| *set.r#type() == RrType::Soa);
    let apex = apex.map(ResourceRecordSet::name);
    let of_the_zone = |set: &ResourceRecordSet| {
        Some(set.name()) == apex && matches!(set.r#type(), RrType::Ns | RrType::Soa)
    };
    !sets.iter().all(of_the_zone)
}

impl From<ResourceRecordSet> for DnsRecord {
    fn from(set: ResourceRecordSet) -> Self {
        let bare = |name: &str| name.trim_end_matches('.').to_owned();
        Self {
            name: bare(&set.name),
            kind: set.r#type.as_str().to_owned(),
            target: set.alias_target.map(|alias| bare(&alias.dns_name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_route53::error::ErrorMetadata;
    use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsOutput;
    use aws_sdk_route53::operation::get_hosted_zone::{GetHostedZoneError, GetHostedZoneOutput};
    use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsOutput;
    use aws_sdk_route53::types::{DelegationSet, HostedZone, ResourceRecord};
    use aws_smithy_mocks::{
        MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock,
    };

    fn cname(value: &str) -> ResourceRecordSet {
        let record = ResourceRecord::builder().value(value).build().unwrap();
        let set = ResourceRecordSet::builder()
            .name("_a1.factory-tree.com.")
            .r#type(RrType::Cname);
        set.resource_records(record).build().unwrap()
    }

    fn client(rules: &[&Rule]) -> Route53 {
        let answers = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
        let answers = rules
            .iter()
            .fold(answers, |answers, rule| answers.with_rule(rule));
        let config = aws_sdk_route53::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_route53::config::Region::new("us-east-1"))
            .credentials_provider(aws_sdk_route53::config::Credentials::new(
                "k", "s", None, None, "t",
            ))
            .http_client(create_mock_http_client())
            .interceptor(answers)
            .build();
        Route53::new(Client::from_conf(config))
    }

    #[tokio::test]
    async fn validations_go_with_a_zone_and_stay_beside_the_records_of_others() {
        let set = |name: &str, kind: RrType| {
            let set = ResourceRecordSet::builder().name(name).r#type(kind);
            set.build().unwrap()
        };
        let deleted = async |others: &[ResourceRecordSet]| {
            let mut sets = vec![
                set("factory-tree.com.", RrType::Ns),
                set("factory-tree.com.", RrType::Soa),
                cname("_b2.jkddzztszm.acm-validations.aws."),
            ];
            sets.extend_from_slice(others);
            let list = mock!(Client::list_resource_record_sets).then_output(move || {
                let page = ListResourceRecordSetsOutput::builder();
                let page = page.set_resource_record_sets(Some(sets.clone()));
                page.is_truncated(false).max_items(300).build().unwrap()
            });
            let change = mock!(Client::change_resource_record_sets)
                .then_output(|| ChangeResourceRecordSetsOutput::builder().build());
            let client = client(&[&list, &change]);
            let deleted = client.delete_validation_records("Z1").await;
            (deleted.unwrap(), change.num_calls())
        };
        assert_eq!(deleted(&[]).await, (1, 1));
        let shop = set("shop.factory-tree.com.", RrType::A);
        assert_eq!(deleted(&[shop]).await, (0, 0));
        let delegation = set("shop.factory-tree.com.", RrType::Ns);
        assert_eq!(deleted(&[delegation]).await, (0, 0));
    }

    #[tokio::test]
    async fn a_zone_has_its_domain_and_its_servers_without_dots() {
        let rule = mock!(Client::get_hosted_zone).then_output(|| {
            let zone = HostedZone::builder()
                .id("/hostedzone/Z1")
                .name("Factory-Tree.com.")
                .caller_reference("r");
            let set = DelegationSet::builder().name_servers("NS-1.awsdns-01.com.");
            GetHostedZoneOutput::builder()
                .hosted_zone(zone.build().unwrap())
                .delegation_set(set.build().unwrap())
                .build()
        });
        let zone = client(&[&rule]).find_zone("Z1").await.unwrap().unwrap();
        let Zone {
            name, name_servers, ..
        } = zone;
        assert_eq!((name.as_str(), name_servers.len()), ("factory-tree.com", 1));
        assert_eq!(name_servers[0], "ns-1.awsdns-01.com");
    }

    #[tokio::test]
    async fn a_zone_that_is_not_there_is_none() {
        let rule = mock!(Client::get_hosted_zone).then_error(|| {
            let metadata = ErrorMetadata::builder().code("NoSuchHostedZone").build();
            GetHostedZoneError::generic(metadata)
        });
        assert_eq!(client(&[&rule]).find_zone("Z1").await.unwrap(), None);
    }

    #[test]
    fn only_acms_own_records_are_taken_for_validation() {
        assert!(is_validation(&cname("_b2.jkddzztszm.acm-validations.aws.")));
        assert!(!is_validation(&cname("mail.factory-tree.com.")));
    }
}
