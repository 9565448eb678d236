//! Large files, sent in parts.

use factory_tree::aws::Upload;
use factory_tree::content::{Content, FileContent, PART_BYTES};

use super::stage::Stage;

#[tokio::test]
async fn a_large_file_goes_in_parts_and_one_that_fails_leaves_nothing() {
    let stage = Stage::new().await;
    let large = stage.folder.path().join("large.bin");
    let bytes: Vec<u8> = (0..2 * PART_BYTES + 5)
        .map(|place| (place / 1000) as u8)
        .collect();
    std::fs::write(&large, &bytes).unwrap();
    let content = FileContent::measure(&large).unwrap();
    let upload = Upload {
        key: "large.bin".to_owned(),
        body: Content::File(content.clone()),
        content_type: "application/octet-stream".to_owned(),
        cache_control: "private",
    };
    let s3 = &stage.aws.s3;

    // The last part is refused; so is a file that is not what was measured.
    let mut changed = upload.clone();
    if let Content::File(file) = &mut changed.body {
        file.digest.parts[2] = file.digest.parts[0].clone();
    }
    let error = s3.put_object("artifacts", &changed).await.unwrap_err();
    assert!(format!("{error:#}").contains("BadDigest"), "{error:#}");
    {
        let world = stage.storage.buckets();
        assert!(
            world.uploads.is_empty() && world.objects.is_empty(),
            "half an object is left"
        );
        assert_eq!(world.count("DELETE"), 1);
    }

    s3.put_object("artifacts", &upload).await.unwrap();
    let held = s3.list_objects("artifacts", "").await.unwrap();
    assert_eq!(held["large.bin"].etag, content.digest.etag);
    assert!(stage.storage.buckets().objects["artifacts/large.bin"].bytes == bytes);
}
