//! Two configuration files over the same sources, each with a stage of the same name.

use crate::support::stage::{Stage, call, create_factory, failing};

#[test]
fn stages_of_one_name_in_two_configurations_are_two_stages() {
    let (one, other) = (Stage::new("twin"), Stage::new("twin"));
    let (first, second) = (one.deploy(), other.deploy());
    assert_ne!(first["urls"], second["urls"]);
    assert_ne!(one.state(), other.state());

    let (id, status) = create_factory(&first, "of the first only");
    assert_eq!(status, 201);
    let request = format!("GET /factories/{id}");
    assert_eq!(call(&first, &request, "", "").0, 200);
    assert_eq!(call(&second, &request, "", "").0, 404);

    let teardown = other.run("teardown");
    assert_eq!(teardown.code, Some(0), "{}", teardown.said);
    let status = one.run("status");
    assert_eq!(status.code, Some(0), "{:?}", failing(&status.json));
    assert_eq!(call(&first, &request, "", "").0, 200);
    assert!(!other.state().exists());
}
