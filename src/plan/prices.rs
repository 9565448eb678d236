//! List prices of what costs money while nobody visits, in one region. A row is a price with its source; which resource has
//! which price is decided in `costs`.

/// The region of the prices.
pub(super) const REGION: &str = "us-east-1";

/// The day of the amounts. The pages that the rows name load theirs by scripts: on this day, the amounts were compared with what
/// published guides and price tables of others quote from them.
pub(super) const DATE: &str = "2026-11-26";

/// The hours of a month, as AWS counts them in its own calculator.
pub(super) const HOURS: u64 = 730;

/// A list price.
pub(super) struct Price {
    /// The name of what has it.
    pub(super) name: &'static str,
    /// Ten-thousandths of a US dollar.
    pub(super) amount: u64,
    pub(super) unit: Unit,
}

/// The time that a price is for.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Hour,
    Month,
}

impl Price {
    /// Returns the price of a month, in ten-thousandths of a US dollar.
    pub(super) const fn of_month(&self) -> u64 {
        match self.unit {
            Unit::Hour => self.amount * HOURS,
            Unit::Month => self.amount,
        }
    }
}

const fn hour(name: &'static str, amount: u64) -> Price {
    let unit = Unit::Hour;
    Price { name, amount, unit }
}

const fn month(name: &'static str, amount: u64) -> Price {
    let unit = Unit::Month;
    Price { name, amount, unit }
}

/// For each zone.
/// Source: AWS PrivateLink pricing, <https://aws.amazon.com/privatelink/pricing/>, 2026-11-26.
pub(super) const INTERFACE_ENDPOINT: Price = hour("interface endpoint", 100);

/// Without its capacity units, of which an idle one uses next to none.
/// Source: Elastic Load Balancing pricing, <https://aws.amazon.com/elasticloadbalancing/pricing/>, 2026-11-26.
pub(super) const LOAD_BALANCER: Price = hour("load balancer", 225);

/// Source: Amazon VPC pricing, "Public IPv4 addresses", <https://aws.amazon.com/vpc/pricing/>, 2026-11-26.
pub(super) const PUBLIC_ADDRESS: Price = hour("public IPv4 address", 50);

/// Source: Amazon VPC pricing, "NAT gateways", <https://aws.amazon.com/vpc/pricing/>, 2026-11-26.
pub(super) const NAT_GATEWAY: Price = hour("NAT gateway", 450);

/// For each GiB.
/// Source: Amazon EBS pricing, <https://aws.amazon.com/ebs/pricing/>, 2026-11-26.
pub(super) const GP3_VOLUME: Price = month("GiB of gp3 volume", 800);

/// Seven metrics of an instance, by the minute.
/// Source: Amazon CloudWatch pricing, <https://aws.amazon.com/cloudwatch/pricing/>, 2026-11-26.
pub(super) const DETAILED_MONITORING: Price =
    month("detailed monitoring of an instance", 7 * 3_000);

/// Source: Amazon CloudWatch pricing, <https://aws.amazon.com/cloudwatch/pricing/>, 2026-11-26.
pub(super) const ALARM: Price = month("alarm", 1_000);

/// Source: Amazon CloudWatch pricing, <https://aws.amazon.com/cloudwatch/pricing/>, 2026-11-26.
pub(super) const COMPOSITE_ALARM: Price = month("composite alarm", 5_000);

/// Source: Amazon Route 53 pricing, <https://aws.amazon.com/route53/pricing/>, 2026-11-26.
pub(super) const HOSTED_ZONE: Price = month("hosted zone", 5_000);

/// Source: AWS KMS pricing, <https://aws.amazon.com/kms/pricing/>, 2026-11-26.
pub(super) const KEY: Price = month("KMS key", 10_000);

/// Source: AWS Secrets Manager pricing, <https://aws.amazon.com/secrets-manager/pricing/>, 2026-11-26.
pub(super) const SECRET: Price = month("secret", 4_000);

/// Linux, on demand.
/// Source: Amazon EC2 on-demand pricing, <https://aws.amazon.com/ec2/pricing/on-demand/>, 2026-11-26.
pub(super) const INSTANCES: [Price; 13] = [
    hour("t3.nano", 52),
    hour("t3.micro", 104),
    hour("t3.small", 208),
    hour("t3.medium", 416),
    hour("t3.large", 832),
    hour("t4g.nano", 42),
    hour("t4g.micro", 84),
    hour("t4g.small", 168),
    hour("t4g.medium", 336),
    hour("t4g.large", 672),
    hour("m7g.medium", 408),
    hour("m7g.large", 816),
    hour("c7g.large", 725),
];

/// Types that cost nothing by themselves, or only by their use.
/// Source: the pricing page of each service, 2026-11-26.
pub(super) const BY_USE: [&str; 55] = [
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::AppSync::Api",
    "AWS::AppSync::ApiKey",
    "AWS::AppSync::ChannelNamespace",
    "AWS::AppSync::DomainName",
    "AWS::AppSync::DomainNameApiAssociation",
    "AWS::CertificateManager::Certificate",
    "AWS::CloudFront::CachePolicy",
    "AWS::CloudFront::Distribution",
    "AWS::CloudFront::Function",
    "AWS::CloudFront::OriginAccessControl",
    "AWS::CloudFront::ResponseHeadersPolicy",
    "AWS::Cognito::ManagedLoginBranding",
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolClient",
    "AWS::Cognito::UserPoolDomain",
    "AWS::Cognito::UserPoolGroup",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::LaunchTemplate",
    "AWS::EC2::Route",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::Events::Rule",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Logs::Delivery",
    "AWS::Logs::DeliveryDestination",
    "AWS::Logs::DeliverySource",
    "AWS::Logs::LogGroup",
    "AWS::Route53::RecordSet",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
];
