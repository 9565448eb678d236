//! The name that a mistyped one stands for. In: the name, and those that there are. Out: the nearest of them, or nothing.

/// Below this similarity two names are not variants of one. clap suggests from 0.7 on; the names here are longer.
const SIMILAR: f64 = 0.8;

/// Returns the known name that a mistyped one most likely stands for.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let rated = known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&name, &known.to_lowercase()), known));
    let similar = rated.filter(|(similarity, _)| *similarity >= SIMILAR);
    let best = similar.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_another_word_finds_none() {
        let known = ["domain", "protected", "hosted_zone_id", "TopicArn"];
        for (name, wanted) in [
            ("protect", Some("protected")),
            ("domian", Some("domain")),
            ("hostedZoneId", Some("hosted_zone_id")),
            ("topicarn", Some("TopicArn")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), wanted, "{name}");
        }
    }
}
