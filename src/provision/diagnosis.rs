//! In: the reason that CloudFormation or a service gives for a failure. Out: the likely cause,
//! and what cures it. Pure: texts in, texts out. Unknown reasons have no diagnosis rather than a guess.

/// The likely cause of a failure, and its cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The likely cause, as half a sentence.
    pub cause: &'static str,
    /// The cure.
    pub cure: String,
}

type DiagnosisRule = (&'static [&'static str], &'static str, &'static str);

/// Texts of which one must be in the reason (lower case), the cause, and the cure. The first that fits
/// counts. Source: the messages of the CloudFormation resource handlers and of the threads in the field
/// that quote them (AWS::EarlyValidation, ACM, CloudFront, EC2, S3).
const RULES: [DiagnosisRule; 19] = [
    (
        &["must be verified before you can add"],
        "AWS has not verified this account for CloudFront yet, as for many new accounts",
        "open a case at AWS Support (about the account, which is free) that quotes the reason, and wait for the answer",
    ),
    (
        &["cannot be associated with a load balancer"],
        "a zone takes no load balancers, which AWS tells only now",
        "name two other zones with `servers.zones`",
    ),
    (
        &[
            "isn't in us-east-1",
            "must be in us-east-1",
            "not in us-east-1",
        ],
        "the certificate is in the wrong region",
        "CloudFront takes certificates of us-east-1 only: pass the output of the stack `certificate-us-east-1`",
    ),
    (
        &[
            "certificate validation",
            "pending validation",
            "pending_validation",
            "caa error",
            "caa_error",
        ],
        "public DNS does not validate the certificate",
        "have the registrar delegate the domain to the zone's name servers, and look at its CAA records; `factory-tree doctor` compares them",
    ),
    (
        &[
            "cnamealreadyexists",
            "cnames you provided are already associated",
        ],
        "another distribution has the site's name",
        "take the name out of that distribution, which may be in another account (`aws cloudfront list-conflicting-aliases` shows half of its id), or set another `domain`",
    ),
    (
        &["tried to create resource record set"],
        "the zone has a record of that name, and no stack of the stage made it",
        "note its value, delete it in Route 53, and deploy again; or set another `domain`",
    ),
    (
        &["domain name you provided already exists"],
        "API Gateway has that domain in this region already, maybe for another API",
        "delete it there (`aws apigatewayv2 delete-domain-name --domain-name api.DOMAIN`), or set another `domain`",
    ),
    (
        &["maximum number of vpcs", "vpclimitexceeded"],
        "the account has as many VPCs in this region as it may",
        "delete one that nobody uses (the default VPC counts), or ask Service Quotas for more (vpc, L-F678F1CE)",
    ),
    (
        &[
            "unreservedconcurrentexecution below its minimum",
            "concurrent executions",
        ],
        "the account may run too few Lambdas at a time",
        "ask Service Quotas for 1000 concurrent executions (lambda, L-B99A9384)",
    ),
    (
        &[
            "already exists",
            "alreadyexists",
            "entityalreadyexists",
            "bucketalreadyowned",
            "already associated with a different resource",
        ],
        "the name is taken",
        "delete or rename what has that name, or import it into the stack; a table or zone that an earlier teardown kept has it too",
    ),
    (
        &[
            "limit exceeded",
            "limitexceeded",
            "quota",
            "too many",
            "maximum number of",
            "exceeded the number",
        ],
        "a quota of the account is used up",
        "ask for a higher quota in Service Quotas, or delete what is no longer used",
    ),
    (
        &[
            "insufficientinstancecapacity",
            "do not have sufficient",
            "insufficient capacity",
        ],
        "the zone has no capacity for this instance type now",
        "deploy again later, or set another `servers.instance_type`",
    ),
    (
        &[
            "success signal",
            "failure signal",
            "resource signal",
            "signals out of",
            "failed to receive",
        ],
        "the servers did not become ready in time",
        "read what their console says, where it is shown; then look at their log with `factory-tree logs --source server --since 1h`, or on one of them (`factory-tree ssh`) with `journalctl -u factory-tree-websocket`: a bundle that does not start, or a network that does not reach AWS",
    ),
    (
        &[
            "is not empty",
            "bucketnotempty",
            "hostednotempty",
            "hostedzonenotempty",
        ],
        "it still holds something",
        "`factory-tree teardown` empties it first; by hand, delete what is in it",
    ),
    (
        &["rate exceeded", "throttl", "too many requests"],
        "AWS throttled the handler",
        "run the same command again: it goes on from here",
    ),
    (
        &[
            "encountered unsupported property",
            "extraneous key",
            "properties validation failed",
            "model validation failed",
            "required key",
            "is not a valid enum value",
            "property validation",
        ],
        "the template says something that the resource type does not know",
        "write the property as the resource type's reference has it; `cfn-lint` shows most of these, with their line, before a deploy",
    ),
    (
        &[
            "unrecognized resource types",
            "unsupported resource type",
            "does not support resource type",
            "template format error",
            "template validation error",
            "unresolved resource dependencies",
        ],
        "the template is wrong",
        "change what the reason names; `factory-tree validate` and `cfn-lint` show most of these, with their line, before a deploy",
    ),
    (
        &[
            "has a dependent object",
            "dependencyviolation",
            "in use by",
            "is in use",
            "resourceinuse",
        ],
        "something outside the stack still uses it",
        "find and remove what uses it, then run the same command again",
    ),
    (
        &["no such key", "specified key does not exist", "nosuchkey"],
        "the artifact is no longer in the bucket",
        "run the same command again: it sends what is missing",
    ),
];

/// Returns what is likely behind a reason, if it is a known one.
pub fn diagnose(reason: &str) -> Option<Diagnosis> {
    let text = reason.to_lowercase();
    missing_permission(reason).or_else(|| {
        let (_, cause, cure) = RULES
            .iter()
            .find(|(words, _, _)| words.iter().any(|word| text.contains(word)))?;
        let cure = (*cure).to_owned();
        Some(Diagnosis { cause, cure })
    })
}

/// IAM names who may not do what on which resource.
/// Source: IAM User Guide, "Access denied error message formats".
fn missing_permission(reason: &str) -> Option<Diagnosis> {
    let after = reason.split("not authorized to perform: ").nth(1)?;
    let action = word(after);
    let resource = after.split("on resource: ").nth(1).map_or("*", word);
    let statement = format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}"#);
    Some(Diagnosis {
        cause: "a permission is missing",
        cure: format!(
            "allow it to whoever deploys: {statement}; `factory-tree policy` prints all that is needed"
        ),
    })
}

/// The first word, without what closes a sentence. An ARN may end in `*`, but not in these.
fn word(text: &str) -> &str {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    text[..end].trim_end_matches(['.', ',', ')', ';', '"', '\''])
}

/// Returns the property that a validation's reason names, as a path below the resource.
/// `#/KeySchema/0: required key [AttributeName] not found` names `/KeySchema/0`.
pub fn property(reason: &str) -> Option<String> {
    let path = reason.split("#/").nth(1)?;
    let end = path
        .find(|letter: char| letter == ':' || letter.is_whitespace())
        .unwrap_or(path.len());
    let path = path[..end].trim_end_matches(['.', ',', ')']);
    (!path.is_empty()).then(|| format!("/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_reasons_have_a_cause_and_a_cure() {
        let reasons = [
            "factory-tree-prod-site-bucket already exists",
            "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or doesn't include a valid certificate chain.",
            "Cannot exceed quota for PoliciesPerRole: 10",
            "Received 1 FAILURE signal(s) out of 1. Unable to satisfy 100% MinSuccessfulInstancesPercent requirement",
            "Received 0 SUCCESS signal(s) out of 2. Unable to satisfy 100% MinSuccessfulInstancesPercent requirement",
            "Properties validation failed for resource Table with message: #/KeySchema/0: required key [AttributeName] not found",
            "User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: sqs:CreateQueue on resource: arn:aws:sqs:us-east-1:123456789012:dead because no identity-based policy allows the sqs:CreateQueue action",
            "Access denied for operation 'Your account must be verified before you can add new CloudFront resources. To verify your account, please contact AWS Support'",
            "The following Availability Zones us-west-1a cannot be associated with a load balancer. Please try a different Availability Zone. (Service: ElasticLoadBalancingV2)",
            "One or more of the CNAMEs you provided are already associated with a different resource. (Service: CloudFront, Status Code: 409)",
            "[Tried to create resource record set [name='www.example.com.', type='A'] but it already exists]",
            "The domain name you provided already exists. (Service: ApiGatewayV2, Status Code: 409)",
            "The maximum number of VPCs has been reached. (Service: Ec2, Status Code: 400)",
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [10].",
            "Something that nobody has seen before",
        ];
        let rows: Vec<String> = reasons
            .iter()
            .map(|reason| match diagnose(reason) {
                Some(Diagnosis { cause, cure }) => format!("{cause}\n  {cure}"),
                None => "no diagnosis".to_owned(),
            })
            .collect();
        insta::assert_snapshot!(rows.join("\n"));
    }

    #[test]
    fn a_property_is_read_out_of_a_validation() {
        let reason = "failed with message: #/KeySchema/0: required key [AttributeName] not found";
        assert_eq!(property(reason).as_deref(), Some("/KeySchema/0"));
        assert_eq!(property("bucket already exists"), None);
    }
}
