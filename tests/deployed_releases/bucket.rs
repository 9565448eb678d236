//! The bucket of the stage's site, entered by the stage's own endpoint.

use factory_tree::aws::{Access, Aws, Upload};
use factory_tree::config::Network;
use serde_json::Value;

use super::run;
use crate::support::stage::Stage;

/// The bucket.
pub(crate) struct Bucket {
    aws: Aws,
    runtime: tokio::runtime::Runtime,
    name: String,
}

impl Bucket {
    pub(crate) fn of(stage: &Stage) -> Self {
        let ports = std::fs::read(stage.state().join("ports.json")).unwrap();
        let ports: Value = serde_json::from_slice(&ports).unwrap();
        let url = format!("http://127.0.0.1:{}", ports["emulator"]);
        let outputs = run(stage, "outputs", &["--output", "json"]).json;
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let region = "us-east-1".parse().unwrap();
        Self {
            aws: runtime.block_on(Aws::connect(
                &Access::Endpoint { url },
                &region,
                &Network::default(),
            )),
            runtime,
            name: outputs["stacks"]["site"]["BucketName"]
                .as_str()
                .unwrap()
                .to_owned(),
        }
    }

    pub(crate) fn put(&self, key: &str, content_type: &str, body: &[u8]) {
        let upload = Upload {
            key: key.to_owned(),
            body: body.to_vec().into(),
            content_type: content_type.to_owned(),
            cache_control: "no-cache",
        };
        let put = self.aws.s3.put_object(&self.name, &upload);
        self.runtime.block_on(put).unwrap();
    }

    pub(crate) fn get(&self, key: &str) -> Vec<u8> {
        let get = self.aws.s3.get_object(&self.name, key);
        self.runtime.block_on(get).unwrap()
    }
}
