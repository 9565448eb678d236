//! The account: its stacks, and how it answers each call.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use factory_tree::template::Template;

use super::form::{Form, USE_PREVIOUS};
use super::operation::{Operation, Resource, Timed};
use super::xml::{Node, text};

type Refusal = (String, String);

/// A fault that replaces the response to a call.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Status, code and message.
    Error(u16, String, String),
    /// Nothing for a while, then 503.
    Silence(Duration),
}

/// The account.
#[derive(Default)]
pub(crate) struct FakeAccount {
    /// Every call so far, by action.
    pub(crate) calls: Vec<String>,
    /// Resources by template: the first line of a template's text names them.
    pub(crate) resources: BTreeMap<String, BTreeMap<String, Resource>>,
    /// The rows of `DescribeEvents`: logical id, type, reason and property path. `None`: denied.
    pub(crate) failed_events: Option<Vec<[String; 4]>>,
    /// Why the next change set is refused.
    pub(crate) refused_change_set: Option<String>,
    /// The resource that the next deletion fails on, and why.
    pub(crate) refused_deletion: Option<(String, Resource)>,
    /// The resources that the last rollback was asked to skip.
    pub(crate) skipped: Vec<String>,
    /// Events of nested stacks by ARN: logical id, type, status and reason.
    pub(crate) nested: BTreeMap<String, Vec<[String; 4]>>,
    /// The instances of the group of the stack `…-websocket`: id and lifecycle.
    pub(crate) servers: Vec<(&'static str, &'static str)>,
    /// The consoles of instances, by their ids.
    pub(crate) consoles: BTreeMap<&'static str, String>,
    faults: VecDeque<(String, Fault)>,
    until: Option<(Instant, Fault)>,
    stacks: BTreeMap<String, FakeStack>,
    operations: usize,
}

#[derive(Default)]
struct FakeStack {
    id: String,
    template: String,
    parameters: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    events: Vec<Timed>,
    change_sets: BTreeMap<String, ChangeSet>,
    executed: Option<String>,
    updated: Option<SystemTime>,
}

struct ChangeSet {
    template: String,
    parameters: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    kind: String,
    failed: Option<String>,
}

impl FakeAccount {
    /// The next call of this action meets a fault.
    pub(crate) fn fail_next(&mut self, action: &str, fault: Fault) {
        self.faults.push_back((action.to_owned(), fault));
    }

    /// Every call meets a fault for this long.
    pub(crate) fn fail_all_for(&mut self, time: Duration, fault: Fault) {
        self.until = Some((Instant::now() + time, fault));
    }

    /// Declares the resources of a template by its name.
    pub(crate) fn declare(&mut self, template: &str, rows: &[(&str, &str, u64)]) {
        let resources = rows.iter().map(|(name, kind, millis)| {
            let resource = Resource {
                kind: (*kind).to_owned(),
                takes: Duration::from_millis(*millis),
                ..Resource::default()
            };
            ((*name).to_owned(), resource)
        });
        self.resources
            .insert(template.to_owned(), resources.collect());
    }

    /// A declared resource fails from now on, for this reason; or no longer.
    pub(crate) fn fail_resource(&mut self, template: &str, resource: &str, reason: Option<&str>) {
        let resources = self.resources.get_mut(template).unwrap();
        resources.get_mut(resource).unwrap().fails = reason.map(str::to_owned);
    }

    /// From when to when a stack has moved.
    pub(crate) fn span(&self, stack: &str) -> (Instant, Instant) {
        let events = &self.stacks[stack].events;
        let times = || events.iter().map(|event| event.at);
        (times().min().unwrap(), times().max().unwrap())
    }

    /// Puts a stack into a state, as if something outside had done that.
    pub(crate) fn put(&mut self, name: &str, status: &str) {
        let id = arn(name);
        self.operations += 1;
        let event = Timed {
            at: Instant::now(),
            id: format!("{name}-put-{}", self.operations),
            logical_id: name.to_owned(),
            physical_id: id.clone(),
            kind: "AWS::CloudFormation::Stack".to_owned(),
            status: status.to_owned(),
            reason: None,
        };
        let stack = self.stacks.entry(name.to_owned()).or_default();
        stack.id = id;
        stack.events.push(event);
    }

    /// Has a stack changed just now, as if somebody had updated it.
    pub(crate) fn touch(&mut self, name: &str) {
        self.stacks.get_mut(name).unwrap().updated = Some(SystemTime::now());
    }

    /// Gives a stack a template, of which the names of the outputs count.
    pub(crate) fn put_template(&mut self, name: &str, template: &str) {
        template.clone_into(&mut self.stacks.get_mut(name).unwrap().template);
    }

    /// Returns the names of all stacks, those that were deleted among them.
    pub(crate) fn names(&self) -> Vec<String> {
        self.stacks.keys().cloned().collect()
    }

    /// Returns the tags of a stack.
    pub(crate) fn tags(&self, stack: &str) -> BTreeMap<String, String> {
        self.stacks[stack].tags.clone()
    }

    /// Returns the number of calls of an action.
    pub(crate) fn count(&self, action: &str) -> usize {
        self.calls.iter().filter(|call| *call == action).count()
    }

    /// The status of a stack now, if it is there.
    pub(crate) fn status(&self, name: &str) -> Option<String> {
        self.stacks.get(name).map(FakeStack::status)
    }

    /// Returns the present value of a stack's parameter.
    pub(crate) fn parameter(&self, stack: &str, name: &str) -> Option<String> {
        self.stacks.get(stack)?.parameters.get(name).cloned()
    }

    pub(super) fn next_fault(&mut self, action: &str) -> Option<Fault> {
        if let Some((until, fault)) = &self.until {
            if Instant::now() < *until {
                return Some(fault.clone());
            }
            self.until = None;
        }
        let place = self.faults.iter().position(|(of, _)| of == action)?;
        self.faults.remove(place).map(|(_, fault)| fault)
    }

    pub(super) fn act(&mut self, action: &str, form: &Form) -> Result<Vec<Node>, Refusal> {
        match action {
            "DescribeStacks" => self.describe_stacks(form),
            "ListStacks" => Ok(self.list_stacks()),
            "CreateChangeSet" => self.create_change_set(form),
            "DescribeChangeSet" => self.describe_change_set(form),
            "ExecuteChangeSet" => self.execute_change_set(form),
            "DeleteChangeSet" => self.delete_change_set(form),
            "ListChangeSets" => self.list_change_sets(form),
            "DescribeStackEvents" => self.describe_stack_events(form),
            "DescribeEvents" => self.describe_events(),
            "GetTemplate" => Ok(vec![text("TemplateBody", &self.find(form)?.1.template)]),
            "ListStackResources" => {
                let (name, _) = self.find(form)?;
                Ok(vec![Node::List(
                    "StackResourceSummaries",
                    self.groups_of(&name),
                )])
            }
            "DescribeAutoScalingGroups" => Ok(vec![Node::List(
                "AutoScalingGroups",
                self.describe_groups(),
            )]),
            "DeleteStack" => self.begin(form, "DELETE", "DELETE_FAILED"),
            "RollbackStack" => self.begin_from(form, "UPDATE_FAILED"),
            "CancelUpdateStack" => self.cancel_update(form),
            "ContinueUpdateRollback" => self.begin_from(form, "UPDATE_ROLLBACK_FAILED"),
            "UpdateTerminationProtection" => Ok(Vec::new()),
            "GetCallerIdentity" => Ok(vec![
                text("Account", "123456789012"),
                text("Arn", "arn:aws:iam::123456789012:user/tester"),
                text("UserId", "tester"),
            ]),
            other => Err((
                "InvalidAction".to_owned(),
                format!("no such action: {other}"),
            )),
        }
    }

    fn groups_of(&self, stack: &str) -> Vec<Vec<Node>> {
        let group = vec![
            text("LogicalResourceId", "Servers"),
            text("PhysicalResourceId", "servers"),
            text("ResourceType", "AWS::AutoScaling::AutoScalingGroup"),
            text("ResourceStatus", "CREATE_COMPLETE"),
            text("LastUpdatedTimestamp", "2026-01-01T00:00:00Z"),
        ];
        let is_there = stack.ends_with("-websocket") && !self.servers.is_empty();
        is_there.then_some(group).into_iter().collect()
    }

    fn describe_groups(&self) -> Vec<Vec<Node>> {
        let servers = self.servers.iter().map(|(id, lifecycle)| {
            vec![
                text("InstanceId", *id),
                text("LifecycleState", *lifecycle),
                text("HealthStatus", "Healthy"),
                text("AvailabilityZone", "us-east-1a"),
                text("ProtectedFromScaleIn", "false"),
            ]
        });
        let group = vec![
            text("AutoScalingGroupName", "servers"),
            text("DesiredCapacity", "2"),
            Node::List("Instances", servers.collect()),
        ];
        vec![group]
    }

    fn find(&mut self, form: &Form) -> Result<(String, &mut FakeStack), Refusal> {
        let asked = form.get("StackName").unwrap_or_default().to_owned();
        let by_id = asked.starts_with("arn:");
        let found = self.stacks.iter_mut().find(|(name, stack)| {
            if by_id {
                stack.id == asked
            } else {
                **name == asked && stack.status() != "DELETE_COMPLETE"
            }
        });
        let missing = || {
            let message = format!("Stack with id {asked} does not exist");
            ("ValidationError".to_owned(), message)
        };
        found
            .map(|(name, stack)| (name.clone(), stack))
            .ok_or_else(missing)
    }

    fn describe_stacks(&mut self, form: &Form) -> Result<Vec<Node>, Refusal> {
        let (name, stack) = self.find(form)?;
        let pairs = |key, value, map: &BTreeMap<String, String>| {
            let rows = map
                .iter()
                .map(|(name, its)| vec![text(key, name), text(value, its)]);
            rows.collect::<Vec<_>>()
        };
        let mut member = vec![
            text("StackName", name),
            text("StackId", &stack.id),
            text("StackStatus", stack.status()),
            text("CreationTime", "2026-01-01T00:00:00Z"),
            Node::List(
                "Parameters",
                pairs("ParameterKey", "ParameterValue", &stack.parameters),
            ),
            Node::List("Tags", pairs("Key", "Value", &stack.tags)),
            Node::List(
                "Outputs",
                pairs("OutputKey", "OutputValue", &stack.outputs()),
            ),
        ];
        member.extend(stack.executed.as_ref().map(|id| text("ChangeSetId", id)));
        member.extend(
            stack
                .updated
                .map(|time| text("LastUpdatedTime", timestamp(time))),
        );
        Ok(vec![Node::List("Stacks", vec![member])])
    }

    fn list_stacks(&self) -> Vec<Node> {
        let stacks = self.stacks.iter();
        let there = stacks.filter(|(_, stack)| stack.status() != "DELETE_COMPLETE");
        let rows = there.map(|(name, stack)| {
            let mut row = vec![
                text("StackName", name),
                text("StackId", &stack.id),
                text("StackStatus", stack.status()),
                text("CreationTime", "2026-01-01T00:00:00Z"),
            ];
            let updated = stack.updated.map(factory_tree::clock::rfc3339);
            row.extend(updated.map(|time| text("LastUpdatedTime", time)));
            row
        });
        vec![Node::List("StackSummaries", rows.collect())]
    }

    fn create_change_set(&mut self, form: &Form) -> Result<Vec<Node>, Refusal> {
        let stack_name = form.get("StackName").unwrap_or_default().to_owned();
        let name = form.get("ChangeSetName").unwrap_or_default().to_owned();
        let kind = form.get("ChangeSetType").unwrap_or_default().to_owned();
        let failed = self.refused_change_set.take();
        if kind == "UPDATE" {
            let status = self.find(form)?.1.status();
            let fit = [
                "CREATE_COMPLETE",
                "UPDATE_COMPLETE",
                "UPDATE_ROLLBACK_COMPLETE",
                "IMPORT_COMPLETE",
                "IMPORT_ROLLBACK_COMPLETE",
            ];
            if !fit.contains(&status.as_str()) {
                let message =
                    format!("Stack:{stack_name} is in {status} state and can not be updated.");
                return Err(("ValidationError".to_owned(), message));
            }
        }
        let number = self.operations;
        let stack = self.stacks.entry(stack_name.clone()).or_default();
        if kind == "CREATE" && (stack.id.is_empty() || stack.status() == "DELETE_COMPLETE") {
            *stack = FakeStack {
                id: format!("{}-{number}", arn(&stack_name)),
                ..FakeStack::default()
            };
        }
        if stack.change_sets.contains_key(&name) {
            return Err((
                "AlreadyExistsException".to_owned(),
                format!("ChangeSet {name} already exists"),
            ));
        }
        let template = form.get("TemplateBody").unwrap_or_default().to_owned();
        let parameters = form.parameters();
        let tags = form.tags();
        stack.change_sets.insert(
            name.clone(),
            ChangeSet {
                template,
                parameters,
                tags,
                kind,
                failed,
            },
        );
        Ok(vec![
            text("Id", change_set_arn(&name)),
            text("StackId", &stack.id),
        ])
    }

    /// Change sets are named by ARN; which stack they belong to is looked up.
    fn owner(&self, form: &Form) -> Result<(String, String), Refusal> {
        let asked = form.get("ChangeSetName").unwrap_or_default();
        let name = asked.rsplit('/').next().unwrap_or_default();
        let owner = self
            .stacks
            .iter()
            .find(|(_, stack)| stack.change_sets.contains_key(name));
        let missing = || {
            (
                "ChangeSetNotFound".to_owned(),
                format!("ChangeSet [{asked}] does not exist"),
            )
        };
        owner
            .map(|(stack, _)| (stack.clone(), name.to_owned()))
            .ok_or_else(missing)
    }

    fn describe_change_set(&mut self, form: &Form) -> Result<Vec<Node>, Refusal> {
        let (stack_name, name) = self.owner(form)?;
        let stack = &self.stacks[&stack_name];
        let change_set = &stack.change_sets[&name];
        let executed = stack.executed.as_deref() == Some(&*change_set_arn(&name));
        let mut nodes = vec![
            text("ChangeSetId", change_set_arn(&name)),
            text("StackId", &stack.id),
            text(
                "ExecutionStatus",
                if executed {
                    "EXECUTE_COMPLETE"
                } else {
                    "AVAILABLE"
                },
            ),
        ];
        match &change_set.failed {
            Some(reason) => nodes.extend([text("Status", "FAILED"), text("StatusReason", reason)]),
            None => nodes.push(text("Status", "CREATE_COMPLETE")),
        }
        Ok(nodes)
    }

    fn execute_change_set(&mut self, form: &Form) -> Result<Vec<Node>, Refusal> {
        let (stack_name, name) = self.owner(form)?;
        self.operations += 1;
        let number = self.operations;
        let stack = self.stacks.get_mut(&stack_name).unwrap();
        let change_set = &stack.change_sets[&name];
        let template = change_set.template.lines().next().unwrap_or_default();
        let resources = self.resources.get(template.trim_start_matches("# "));
        let (verb, fallen) = match change_set.kind.as_str() {
            "CREATE" => ("CREATE", "ROLLBACK_COMPLETE"),
            _ => ("UPDATE", "UPDATE_ROLLBACK_COMPLETE"),
        };
        let before = std::mem::take(&mut stack.parameters);
        let given = change_set.parameters.iter();
        stack.parameters = given
            .map(|(name, value)| {
                let kept = before.get(name).filter(|_| value == USE_PREVIOUS);
                (name.clone(), kept.unwrap_or(value).clone())
            })
            .collect();
        stack.tags.clone_from(&change_set.tags);
        stack.template.clone_from(&change_set.template);
        stack.executed = Some(change_set_arn(&name));
        stack.updated = Some(SystemTime::now());
        let nothing = BTreeMap::new();
        let operation = Operation {
            name: &stack_name,
            id: &stack.id,
            verb,
            fallen,
            number,
        };
        let events = operation.lay_out(resources.unwrap_or(&nothing));
        stack.events.extend(events);
        Ok(Vec::new())
    }

    fn list_change_sets(&mut self, form: &Form) -> Result<Vec<Node>, Refusal> {
        let names = self.find(form)?.1.change_sets.keys();
        let rows = names.map(|name| {
            let id = change_set_arn(name);
            vec![text("ChangeSetName", name), text("ChangeSetId", id)]
        });
        Ok(vec![Node::List("Summaries", rows.collect())])
    }

    fn delete_change_set(&mut self, form: &Form) -> Result<Vec<Node>, Refusal> {
        let (stack, name) = self.owner(form)?;
        self.stacks
            .get_mut(&stack)
            .unwrap()
            .change_sets
            .remove(&name);
        Ok(Vec::new())
    }

    fn describe_stack_events(&mut self, form: &Form) -> Result<Vec<Node>, Refusal> {
        if let Some(rows) = self.nested.get(form.get("StackName").unwrap_or_default()) {
            let members =
                rows.iter()
                    .enumerate()
                    .map(|(number, [logical, kind, status, reason])| {
                        vec![
                            text("EventId", format!("nested-{number}")),
                            text("StackId", "nested"),
                            text("StackName", "nested"),
                            text("LogicalResourceId", logical),
                            text("ResourceType", kind),
                            text("ResourceStatus", status),
                            text("ResourceStatusReason", reason),
                            text("Timestamp", "2026-01-01T00:00:00Z"),
                        ]
                    });
            return Ok(vec![Node::List("StackEvents", members.collect())]);
        }
        let (name, stack) = self.find(form)?;
        let members = stack.seen().rev().map(|event| {
            let mut nodes = vec![
                text("EventId", &event.id),
                text("StackId", &stack.id),
                text("StackName", &name),
                text("LogicalResourceId", &event.logical_id),
                text("PhysicalResourceId", &event.physical_id),
                text("ResourceType", &event.kind),
                text("ResourceStatus", &event.status),
                text("Timestamp", "2026-01-01T00:00:00Z"),
            ];
            nodes.extend(
                event
                    .reason
                    .as_ref()
                    .map(|reason| text("ResourceStatusReason", reason)),
            );
            nodes
        });
        Ok(vec![Node::List("StackEvents", members.collect())])
    }

    fn describe_events(&self) -> Result<Vec<Node>, Refusal> {
        let denied = || {
            let message = "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: cloudformation:DescribeEvents";
            ("AccessDenied".to_owned(), message.to_owned())
        };
        let rows = self.failed_events.as_ref().ok_or_else(denied)?;
        let members = rows
            .iter()
            .enumerate()
            .map(|(number, [logical, kind, reason, property])| {
                vec![
                    text("EventId", format!("failed-{number}")),
                    text("EventType", "VALIDATION_ERROR"),
                    text("LogicalResourceId", logical),
                    text("ResourceType", kind),
                    text("ValidationStatusReason", reason),
                    text("ValidationPath", property),
                ]
            });
        Ok(vec![Node::List("OperationEvents", members.collect())])
    }

    fn begin(&mut self, form: &Form, verb: &str, fallen: &str) -> Result<Vec<Node>, Refusal> {
        self.operations += 1;
        let number = self.operations;
        let resources: BTreeMap<String, Resource> =
            self.refused_deletion.take().into_iter().collect();
        let (name, stack) = self.find(form)?;
        let operation = Operation {
            name: &name,
            id: &stack.id,
            verb,
            fallen,
            number,
        };
        let events = operation.lay_out(&resources);
        stack.events.extend(events);
        Ok(Vec::new())
    }

    fn cancel_update(&mut self, form: &Form) -> Result<Vec<Node>, Refusal> {
        if self.find(form)?.1.status() != "UPDATE_IN_PROGRESS" {
            return Err((
                "ValidationError".to_owned(),
                "CancelUpdateStack cannot be called from current stack status".to_owned(),
            ));
        }
        self.begin(form, "UPDATE_ROLLBACK", "UPDATE_ROLLBACK_FAILED")
    }

    fn begin_from(&mut self, form: &Form, status: &str) -> Result<Vec<Node>, Refusal> {
        let found = self.find(form)?.1.status();
        if found != status {
            return Err((
                "ValidationError".to_owned(),
                format!("the stack is in {found}, not in {status}"),
            ));
        }
        self.skipped = form.list("ResourcesToSkip");
        self.begin(form, "UPDATE_ROLLBACK", "UPDATE_ROLLBACK_FAILED")
    }
}

impl FakeStack {
    fn seen(&self) -> impl DoubleEndedIterator<Item = &Timed> {
        let now = Instant::now();
        self.events.iter().filter(move |event| event.at <= now)
    }

    fn status(&self) -> String {
        let of_stack = self.seen().rfind(|event| event.physical_id == self.id);
        of_stack.map_or("REVIEW_IN_PROGRESS".to_owned(), |event| {
            event.status.clone()
        })
    }

    /// Every stack puts out its digest, and its id as `Id`; what its template declares, as `STACK-OUTPUT` in small letters.
    fn outputs(&self) -> BTreeMap<String, String> {
        let template = Template::parse("template".as_ref(), self.template.clone());
        let declared = template
            .map(|template| template.outputs)
            .unwrap_or_default();
        let stack = self.id.split('/').nth(1).unwrap_or_default();
        let value = |name: &String| format!("{stack}-{name}").to_lowercase();
        let mut outputs: BTreeMap<String, String> = declared
            .iter()
            .map(|name| (name.clone(), value(name)))
            .collect();
        let digest = self.parameters.get("Digest").cloned().unwrap_or_default();
        outputs.insert("Digest".to_owned(), digest);
        outputs.insert("Id".to_owned(), self.id.clone());
        outputs
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/1")
}

fn change_set_arn(name: &str) -> String {
    format!("arn:aws:cloudformation:us-east-1:123456789012:changeSet/{name}")
}

/// RFC 3339, to the millisecond: the SDK reads no other form.
fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap();
    let (seconds, millis) = (since.as_secs() % 86_400, since.subsec_millis());
    format!(
        "2026-01-01T{:02}:{:02}:{:02}.{millis:03}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}
