//! Releases one folder as the deployer does the site of a stage: the same hashes, doors, order, checks and
//! progress. In: a region, the folder, the file that remembers its hashes, a bucket and a distribution.
//! Out: how many objects were sent, on stdout. It is measured against the peers by `benches/site`; alone it
//! measures nothing.

use anyhow::{Error, Result, bail};
use factory_tree::aws::{Access, Aws};
use factory_tree::build::Site;
use factory_tree::cli::Output;
use factory_tree::config::terminal::Terminal;
use factory_tree::config::{Network, Region};
use factory_tree::live::LiveChannel;
use factory_tree::release::{self, PageSettings, SiteTarget};
use factory_tree::ui;
use factory_tree::urls::Urls;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [region, folder, memory, bucket, distribution] = arguments.as_slice() else {
        bail!("benches/site starts this with REGION FOLDER MEMORY BUCKET DISTRIBUTION");
    };
    let region: Region = region.parse().map_err(Error::msg)?;
    let target = SiteTarget {
        bucket: bucket.clone(),
        distribution: distribution.clone(),
    };
    let site = Site::read(folder.as_ref(), memory.as_ref())?;
    let sent = send(&site, &target, &region).await?;
    ui::print_json(&serde_json::json!({ "sent": sent }))
}

/// Goes the way of `factory-tree deploy` from a built site to a released one.
async fn send(site: &Site, target: &SiteTarget, region: &Region) -> Result<usize> {
    let aws = Aws::connect(&Access::Environment, region, &Network::read()?).await;
    let terminal = Terminal::read();
    let reporter = ui::reporter(Output::Text, &terminal);
    let urls = Urls {
        site: "https://site.test".to_owned(),
        api: "https://api.site.test".to_owned(),
        socket: "wss://ws.site.test".to_owned(),
        sign_in: None,
    };
    let page = PageSettings {
        urls,
        live: LiveChannel::Servers,
        sign_in: None,
    };
    release::release(site, &page, target, &aws, reporter.as_ref()).await
}
