//! The table's refusals and failures, as its wire protocol has them.

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{Credentials, Region};
use aws_sdk_dynamodb::error::ConnectorError;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::put_item::PutItemOutput;
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_smithy_mocks::{MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock};
use domain::{Bounds, Count};

use super::*;

fn store(rules: &[Rule]) -> DynamoStore {
    let mut answers = MockResponseInterceptor::new().rule_mode(RuleMode::Sequential);
    for rule in rules {
        answers = answers.with_rule(rule);
    }
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version_latest()
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(create_mock_http_client())
        .interceptor(answers)
        .build();
    DynamoStore::new(Client::from_conf(config), "factories")
}

fn new_factory() -> NewFactory {
    NewFactory {
        id: FactoryId::from_random(7),
        name: "mill".parse().unwrap(),
        bounds: Bounds::new(0, 9).unwrap(),
        count: Count::new(2).unwrap(),
    }
}

fn factory() -> Factory {
    new_factory().first_revision(vec![3, 4], 0).unwrap()
}

/// The item of [`factory`], as the table would give it.
fn item(change: impl FnOnce(&mut FactoryItem)) -> Item {
    let request = serde_json::to_string(&new_factory().request()).unwrap();
    let mut record = FactoryItem::from_factory(&factory(), Some(request));
    change(&mut record);
    to_item(record).unwrap()
}

fn refused(item: Option<Item>) -> ConditionalCheckFailedException {
    ConditionalCheckFailedException::builder()
        .set_item(item)
        .build()
}

fn refused_put(item: Item) -> Rule {
    mock!(Client::put_item).then_error(move || {
        PutItemError::ConditionalCheckFailedException(refused(Some(item.clone())))
    })
}

fn refused_update(item: Option<Item>) -> Rule {
    mock!(Client::update_item)
        .then_error(move || UpdateItemError::ConditionalCheckFailedException(refused(item.clone())))
}

#[tokio::test]
async fn a_creation_writes_only_where_nothing_is() {
    let rule = mock!(Client::put_item)
        .match_requests(|request| {
            request.table_name() == Some("factories")
                && request.condition_expression() == Some("attribute_not_exists(pk)")
                && request.item() == Some(&item(|_| {}))
        })
        .then_output(|| PutItemOutput::builder().build());

    let creation = store(&[rule]).create(&new_factory(), &factory()).await;

    assert_eq!(creation.unwrap(), CreateOutcome::Created);
}

#[tokio::test]
async fn a_repeated_creation_answers_what_exists_even_when_it_was_edited() {
    let edited = item(|record| {
        record.revision = 5;
        record.numbers = vec![9];
    });

    let creation = store(&[refused_put(edited)])
        .create(&new_factory(), &factory())
        .await;

    let CreateOutcome::Repeated(existing) = creation.unwrap() else {
        panic!("not known as a repetition");
    };
    assert_eq!((existing.revision, existing.numbers()), (5, &[9][..]));
}

#[tokio::test]
async fn a_creation_with_another_body_or_of_a_removed_factory_is_refused() {
    let other = item(|record| record.request = Some("{}".to_owned()));
    let removed = item(|record| record.deleted = true);

    for (item, expected) in [
        (other, CreateOutcome::Taken),
        (removed, CreateOutcome::Removed),
    ] {
        let creation = store(&[refused_put(item)])
            .create(&new_factory(), &factory())
            .await;
        assert_eq!(creation.unwrap(), expected);
    }
}

#[tokio::test]
async fn an_update_is_made_for_the_revision_before_it() {
    let rule = mock!(Client::update_item)
        .match_requests(|request| {
            let value = |name: &str| request.expression_attribute_values()?.get(name);
            value(":seen") == Some(&number(1)) && value(":next") == Some(&number(2))
        })
        .then_output(|| UpdateItemOutput::builder().build());
    let next = factory().with_numbers(vec![1]).unwrap();

    assert_eq!(
        store(&[rule]).update(&next).await.unwrap(),
        WriteOutcome::Done
    );
}

#[tokio::test]
async fn new_numbers_keep_those_before_them_and_an_edit_touches_neither() {
    let keeps = |kept: bool| {
        mock!(Client::update_item)
            .match_requests(move |request| {
                let expression = request.update_expression().unwrap_or_default();
                expression.starts_with("SET #replaced = #numbers, ") == kept
            })
            .then_output(|| UpdateItemOutput::builder().build())
    };
    let next = factory().with_numbers(vec![1]).unwrap();

    let renewed = store(&[keeps(true)]).update_numbers(&next).await.unwrap();
    let edited = store(&[keeps(false)]).update(&next).await.unwrap();

    assert_eq!((renewed, edited), (WriteOutcome::Done, WriteOutcome::Done));
}

fn removal_at(revision: u64) -> Removal {
    Removal {
        id: factory().id,
        revision,
        expires: 9,
        by: None,
    }
}

/// Accepts an update with this expression that gives this writer.
fn written(expression: &'static str, by: Option<&'static str>) -> Rule {
    mock!(Client::update_item)
        .match_requests(move |request| {
            let values = request.expression_attribute_values().unwrap();
            let names = request.expression_attribute_names().unwrap();
            assert_eq!(request.update_expression(), Some(expression));
            assert_eq!(names["#changed_by"], "changed_by");
            assert_eq!(values.get(":changed_by"), by.map(text).as_ref());
            true
        })
        .then_output(|| {
            let item = item(|record| record.revision = 2);
            UpdateItemOutput::builder()
                .set_attributes(Some(item))
                .build()
        })
}

#[tokio::test]
async fn a_write_tells_its_writer_and_forgets_the_one_before() {
    let ada = || Some("ada".parse().unwrap());
    let next = factory().with_numbers(vec![1]).unwrap();
    let edits = [
        written(
            "SET #name = :name, #lower = :lower, #upper = :upper, #numbers = :numbers, #revision = :next, \
             #changed_by = :changed_by",
            Some("ada"),
        ),
        written(
            "SET #name = :name, #lower = :lower, #upper = :upper, #numbers = :numbers, #revision = :next \
             REMOVE #changed_by",
            None,
        ),
    ];
    let edited = store(&edits);
    edited.update(&next.clone().by(ada())).await.unwrap();
    edited.update(&next).await.unwrap();

    let removals = [
        written(
            "SET #deleted = :true, #expires = :expires, #revision = :next, #changed_by = :changed_by",
            Some("ada"),
        ),
        written(
            "SET #deleted = :true, #expires = :expires, #revision = :next REMOVE #changed_by",
            None,
        ),
    ];
    let removed = store(&removals);
    for by in [ada(), None] {
        let removal = Removal {
            by,
            ..removal_at(1)
        };
        removed.remove(&removal).await.unwrap();
    }

    let restores = [
        written(
            "SET #revision = #revision + :one, #changed_by = :changed_by REMOVE #deleted, #expires",
            Some("ada"),
        ),
        written(
            "SET #revision = #revision + :one REMOVE #deleted, #expires, #changed_by",
            None,
        ),
    ];
    let restored = store(&restores);
    for by in [ada(), None] {
        restored.restore(factory().id, 1, by).await.unwrap();
    }
}

#[tokio::test]
async fn the_same_edit_by_somebody_else_is_not_taken_for_ones_own() {
    let by = |name: &str| Some(name.parse().unwrap());
    let next = factory().with_numbers(vec![1]).unwrap().by(by("ada"));
    let theirs = item(|record| {
        record.revision = 2;
        record.numbers = vec![1];
        record.changed_by = by("eve");
    });
    let written = store(&[refused_update(Some(theirs))]).update(&next).await;

    let WriteOutcome::Stale(current) = written.unwrap() else {
        panic!("taken for the first attempt");
    };
    assert_eq!(current.changed_by, by("eve"));
}

#[tokio::test]
async fn the_replaced_numbers_are_those_of_the_item_while_it_is_there() {
    let get = |item: Item| {
        mock!(Client::get_item).then_output(move || {
            GetItemOutput::builder()
                .set_item(Some(item.clone()))
                .build()
        })
    };
    let renewed = item(|record| record.replaced = Some(vec![8, 9]));
    let removed = item(|record| {
        record.replaced = Some(vec![8, 9]);
        record.deleted = true;
    });

    for (item, expected) in [
        (renewed, Some(vec![8, 9])),
        (removed, None),
        (item(|_| {}), None),
    ] {
        let found = store(&[get(item)]).find_replaced(factory().id).await;
        assert_eq!(found.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_refused_update_says_what_stands_there_instead() {
    let next = factory().with_numbers(vec![1]).unwrap();
    let newer = item(|record| record.revision = 8);
    let removed = item(|record| record.deleted = true);
    let own = item(|record| {
        record.numbers = vec![1];
        record.revision = 2;
    });

    let stale = store(&[refused_update(Some(newer))])
        .update(&next)
        .await
        .unwrap();
    assert!(matches!(stale, WriteOutcome::Stale(current) if current.revision == 8));
    for gone in [Some(removed), None] {
        let write = store(&[refused_update(gone)]).update(&next).await.unwrap();
        assert_eq!(write, WriteOutcome::Gone);
    }
    let write = store(&[refused_update(Some(own))])
        .update(&next)
        .await
        .unwrap();
    assert_eq!(
        write,
        WriteOutcome::Done,
        "the first try of the SDK had got through"
    );
}

#[tokio::test]
async fn a_refused_restore_tells_present_from_expired() {
    let id = factory().id;
    let removed = item(|record| {
        record.deleted = true;
        record.expires = Some(10);
    });

    let present = store(&[refused_update(Some(item(|_| {})))])
        .restore(id, 11, None)
        .await
        .unwrap();
    assert_eq!(present, Some(factory()));
    let expired = store(&[refused_update(Some(removed))])
        .restore(id, 11, None)
        .await
        .unwrap();
    assert_eq!(expired, None);
    let unknown = store(&[refused_update(None)])
        .restore(id, 11, None)
        .await
        .unwrap();
    assert_eq!(unknown, None);
}

#[tokio::test]
async fn an_unreadable_item_does_not_hide_the_others() {
    let rule = mock!(Client::query)
        .match_requests(|request| request.consistent_read() == Some(true))
        .then_output(|| {
            let inverted = item(|record| record.lower = 10);
            QueryOutput::builder()
                .items(inverted)
                .items(item(|_| {}))
                .build()
        });

    let page = store(&[rule]).list(None).await.unwrap();

    assert_eq!((page.factories, page.last), (vec![factory()], None));
}

#[tokio::test]
async fn a_page_goes_on_where_the_table_says() {
    let id = factory().id;
    let rule = mock!(Client::query)
        .match_requests(move |request| request.exclusive_start_key() == Some(&key(&id.to_string())))
        .then_output(move || {
            QueryOutput::builder()
                .set_last_evaluated_key(Some(key(&id.to_string())))
                .build()
        });

    assert_eq!(store(&[rule]).list(Some(id)).await.unwrap().last, Some(id));
}

/// The item of another program in the tree's partition, at the end of a page.
#[tokio::test]
async fn a_page_that_ends_at_a_foreign_item_goes_on_behind_it() {
    let first = mock!(Client::query)
        .match_requests(|request| {
            request.exclusive_start_key().is_none() && request.limit() == Some(1_000)
        })
        .then_output(|| {
            QueryOutput::builder()
                .items(item(|_| {}))
                .set_last_evaluated_key(Some(key("settings")))
                .build()
        });
    let second = mock!(Client::query)
        .match_requests(|request| {
            request.exclusive_start_key() == Some(&key("settings")) && request.limit() == Some(999)
        })
        .then_output(|| QueryOutput::builder().items(item(|_| {})).build());

    let page = store(&[first, second]).list(None).await.unwrap();

    assert_eq!((page.factories.len(), page.last), (2, None));
}

#[tokio::test]
async fn a_count_goes_over_all_pages_and_draws_no_item() {
    let counts = |request: &QueryInput| {
        request.select() == Some(&Select::Count)
            && request.filter_expression() == Some("attribute_not_exists(#deleted)")
    };
    let first = mock!(Client::query)
        .match_requests(move |request| counts(request) && request.exclusive_start_key().is_none())
        .then_output(|| {
            QueryOutput::builder()
                .count(3)
                .set_last_evaluated_key(Some(key("settings")))
                .build()
        });
    let second = mock!(Client::query)
        .match_requests(move |request| {
            counts(request) && request.exclusive_start_key() == Some(&key("settings"))
        })
        .then_output(|| QueryOutput::builder().count(2).build());

    assert_eq!(store(&[first, second]).count().await.unwrap(), 5);
}

#[tokio::test]
async fn the_largest_revision_is_refused_by_the_table() {
    let refused = || refused_update(Some(item(|_| {})));

    let removal = store(&[refused()]).remove(&removal_at(u64::MAX)).await;

    assert_eq!(removal.unwrap(), WriteOutcome::Stale(factory()));
}

#[tokio::test]
async fn a_removal_that_took_place_before_is_a_repetition() {
    let removed_at = |revision| {
        item(|record| {
            record.deleted = true;
            record.revision = revision;
        })
    };
    for (revision, expected) in [(2, WriteOutcome::Repeated), (4, WriteOutcome::Gone)] {
        let rule = refused_update(Some(removed_at(revision)));
        let removal = store(&[rule]).remove(&removal_at(1)).await.unwrap();
        assert_eq!(removal, expected, "removed at {revision}");
    }
}

#[tokio::test]
async fn the_health_check_is_a_consistent_read() {
    let rule = mock!(Client::get_item)
        .match_requests(|request| request.consistent_read() == Some(true))
        .then_output(|| GetItemOutput::builder().build());

    assert!(store(&[rule]).check().await.is_ok());
}

/// Answers with an error as the service words it.
fn failing(status: u16, code: &'static str) -> Rule {
    mock!(Client::get_item).then_http_response(move || {
        let body =
            format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"secret"}}"#);
        let status = status.try_into().expect("a status code");
        aws_sdk_dynamodb::config::http::HttpResponse::new(status, body.into())
    })
}

#[tokio::test]
async fn transient_errors_are_unavailable_and_others_are_broken() {
    for (status, code, is_transient) in [
        (400, "ThrottlingException", true),
        (400, "ProvisionedThroughputExceededException", true),
        (500, "InternalServerError", true),
        (503, "SomethingNew", true),
        (400, "AccessDeniedException", false),
        (400, "ResourceNotFoundException", false),
        (400, "ValidationException", false),
    ] {
        let error = store(&[failing(status, code)]).check().await.unwrap_err();
        assert_eq!(
            matches!(error, StoreError::Unavailable(_)),
            is_transient,
            "{code}"
        );
    }
}

#[test]
fn a_timeout_and_a_lost_connection_are_transient() {
    type Error = aws_sdk_dynamodb::error::SdkError<UpdateItemError>;
    let lost = ConnectorError::io("connection reset".into());

    for error in [Error::timeout_error("2 s"), Error::dispatch_failure(lost)] {
        assert!(matches!(store_error(error), StoreError::Unavailable(_)));
    }
}
