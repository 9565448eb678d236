//! A tiny DNS server on loopback answers what a test makes it answer.

use std::collections::BTreeMap;

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{CAA, NS};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

use super::*;

/// Records by name and type. A name that is not in it does not exist.
type Zonefile = BTreeMap<(&'static str, RecordType), Vec<RData>>;

/// Serves until the test ends, and returns a resolver that asks only there. `broken` names are
/// answered with SERVFAIL.
async fn serve(zonefile: Zonefile, broken: &'static [&'static str]) -> Dns {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let dns = Dns::at(socket.local_addr().unwrap()).unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        loop {
            let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
            let request = Message::from_vec(&buffer[..length]).unwrap();
            let response = answer(&request, &zonefile, broken);
            socket
                .send_to(&response.to_vec().unwrap(), peer)
                .await
                .unwrap();
        }
    });
    dns
}

fn answer(request: &Message, zonefile: &Zonefile, broken: &[&str]) -> Message {
    let query = &request.queries[0];
    let mut response = Message::response(request.metadata.id, OpCode::Query);
    response.metadata.recursion_desired = true;
    response.metadata.recursion_available = true;
    response.add_query(query.clone());
    let name = query.name().to_utf8().trim_end_matches('.').to_lowercase();
    if broken.contains(&name.as_str()) {
        response.metadata.response_code = ResponseCode::ServFail;
    } else if let Some((_, records)) = zonefile
        .iter()
        .find(|((host, kind), _)| *host == name && *kind == query.query_type())
    {
        for record in records {
            response.add_answer(Record::from_rdata(query.name().clone(), 60, record.clone()));
        }
    } else if !zonefile.keys().any(|(host, _)| *host == name) {
        response.metadata.response_code = ResponseCode::NXDomain;
    }
    response
}

fn name_servers(names: &[&str]) -> Vec<RData> {
    let name = |name: &&str| RData::NS(NS(Name::from_utf8(format!("{name}.")).unwrap()));
    names.iter().map(name).collect()
}

fn issue(issuer: Option<&str>) -> RData {
    let name = issuer.map(|name| Name::from_utf8(name).unwrap());
    RData::CAA(CAA::new_issue(false, name, Vec::new()))
}

fn zone() -> Zone {
    Zone {
        id: "Z1".to_owned(),
        name: "factory-tree.com".to_owned(),
        name_servers: vec![
            "ns-1.awsdns-01.com".to_owned(),
            "ns-2.awsdns-02.net".to_owned(),
        ],
    }
}

async fn delegated_to(names: &[&str]) -> Finding {
    let zonefile = Zonefile::from([(("factory-tree.com", RecordType::NS), name_servers(names))]);
    check_delegation(&serve(zonefile, &[]).await, "factory-tree.com", &zone()).await
}

#[tokio::test]
async fn a_domain_that_is_delegated_to_its_zone_is_well() {
    // Order and case do not count.
    let finding = delegated_to(&["NS-2.awsdns-02.net", "ns-1.awsdns-01.com"]).await;
    assert_eq!(finding.ok, Some(true), "{finding:?}");
}

#[tokio::test]
async fn a_domain_that_is_delegated_elsewhere_fails_with_the_servers_to_name() {
    let finding = delegated_to(&["ns1.parking.example", "ns-1.awsdns-01.com"]).await;
    assert_eq!(finding.ok, Some(false));
    insta::assert_snapshot!(format!("{}\n{}", finding.detail, finding.cure.unwrap()), @r"
factory-tree.com is served by ns-1.awsdns-01.com, ns1.parking.example, not by zone Z1
have the registrar (or the parent zone) delegate factory-tree.com to ns-1.awsdns-01.com, ns-2.awsdns-02.net
");
}

#[tokio::test]
async fn a_domain_that_nobody_delegates_fails() {
    let dns = serve(Zonefile::new(), &[]).await;
    let finding = check_delegation(&dns, "factory-tree.com", &zone()).await;
    insta::assert_snapshot!(finding.detail, @"factory-tree.com is delegated to nobody");
    assert_eq!(finding.ok, Some(false));
}

#[tokio::test]
async fn a_domain_whose_servers_do_not_know_it_fails() {
    let dns = serve(Zonefile::new(), &["factory-tree.com"]).await;
    let finding = check_delegation(&dns, "factory-tree.com", &zone()).await;
    insta::assert_snapshot!(finding.detail, @"those that factory-tree.com is delegated to do not know it (Server Failure)");
    assert_eq!(finding.ok, Some(false));
}

#[tokio::test]
async fn a_stage_below_its_zone_needs_the_zone_delegated() {
    let servers = name_servers(&["ns-1.awsdns-01.com", "ns-2.awsdns-02.net"]);
    let zonefile = Zonefile::from([(("factory-tree.com", RecordType::NS), servers)]);
    let dns = serve(zonefile, &[]).await;
    let finding = check_delegation(&dns, "preview.factory-tree.com", &zone()).await;
    assert_eq!(finding.ok, Some(true), "{finding:?}");
    let finding = check_delegation(&dns, "notfactory-tree.com", &zone()).await;
    assert_eq!(finding.ok, Some(false), "{finding:?}");
}

#[tokio::test]
async fn a_resolver_that_is_silent_leaves_it_unknown_in_time() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let dns = Dns::at(socket.local_addr().unwrap()).unwrap();
    let started = std::time::Instant::now();
    let finding = check_delegation(&dns, "factory-tree.com", &zone()).await;
    assert_eq!(finding.ok, None, "{finding:?}");
    assert!(started.elapsed() < std::time::Duration::from_secs(4));
    drop(socket);
}

#[tokio::test]
async fn without_caa_records_anybody_may_issue() {
    let finding = check_caa(&serve(Zonefile::new(), &[]).await, "factory-tree.com").await;
    assert_eq!(finding.ok, Some(true), "{finding:?}");
}

#[tokio::test]
async fn a_parents_caa_records_count_unless_the_domain_has_its_own() {
    let elsewhere = vec![issue(Some("letsencrypt.org"))];
    let mut zonefile = Zonefile::from([(("example.com", RecordType::CAA), elsewhere)]);
    let finding = check_caa(&serve(zonefile.clone(), &[]).await, "tree.example.com").await;
    assert_eq!(finding.ok, Some(false));
    insta::assert_snapshot!(format!("{}\n{}", finding.detail, finding.cure.unwrap()), @r#"
example.com lets only letsencrypt.org issue certificates
add the record `example.com CAA 0 issue "amazon.com"`
"#);

    let own = vec![issue(Some("amazontrust.com"))];
    zonefile.insert(("tree.example.com", RecordType::CAA), own);
    let finding = check_caa(&serve(zonefile, &[]).await, "tree.example.com").await;
    assert_eq!(finding.ok, Some(true), "{finding:?}");
}

#[tokio::test]
async fn one_host_that_forbids_amazon_is_enough() {
    let zonefile = Zonefile::from([
        (
            ("factory-tree.com", RecordType::CAA),
            vec![issue(Some("amazon.com"))],
        ),
        (("api.factory-tree.com", RecordType::CAA), vec![issue(None)]),
    ]);
    let finding = check_caa(&serve(zonefile, &[]).await, "factory-tree.com").await;
    assert_eq!(finding.ok, Some(false));
    insta::assert_snapshot!(finding.detail, @"api.factory-tree.com allows nobody to issue certificates");
}

#[tokio::test]
async fn caa_records_that_cannot_be_read_leave_it_unknown() {
    let dns = serve(Zonefile::new(), &["factory-tree.com"]).await;
    assert_eq!(check_caa(&dns, "factory-tree.com").await.ok, None);
}

#[tokio::test]
async fn a_resolver_of_a_closed_network_does_not_know_public_names() {
    let closed = serve(Zonefile::new(), &[]).await;
    assert!(!knows_public_names(&closed).await);
    let servers = name_servers(&["ns1.amzndns.com"]);
    let open = Zonefile::from([(("amazonaws.com", RecordType::NS), servers)]);
    assert!(knows_public_names(&serve(open, &[]).await).await);
}
