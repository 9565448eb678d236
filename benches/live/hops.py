"""Splits the way of a change by hop, from what the parts of a local stage have noted by themselves.

In: a stage, and of each change when it was sent, answered and applied by the pages. Out: for each hop its times.

Nothing is asked while changes are under way. Afterwards the logs of both Lambdas are read, and of a stage with servers
a queue of the bench's own, which the topic fills beside the server's. So the only load of the probes is one more
subscription of the topic. All clocks are that of this machine.

- A Lambda was called at the time of its log's `REPORT` less the duration in it: the emulator writes both at the end.
- Its handler ran for the milliseconds before its own line: `request` of the api, `batch` of the publisher.
- The topic sent at `SentTimestamp`: it gives a message to all its queues in one go."""

import json
import random
import re
import threading
import time
from dataclasses import dataclass
from datetime import datetime

import botocore.session

# Pauses between the messages of the queue's own measurement, so that they meet a poll at any moment.
PAUSES = (0.05, 0.25)

# As many polls as a server has waiting (`POLLERS` in `crates/websocket/src/feed.rs`).
POLLS = 4


@dataclass
class Change:
    """One change of a factory, with the moments that the bench itself saw."""

    id: str
    revision: int
    sent: float
    answered: float
    told: list  # when each page had it, the earliest first
    probed: bool


class Probes:
    """What the parts of a stage tell of themselves."""

    def __init__(self, stage):
        parts = stage.running()["parts"]
        environment = parts["emulator"]["part"]["environment"]
        session = botocore.session.Session()
        session.set_credentials("test", "test")
        region, endpoint = environment["AWS_DEFAULT_REGION"], environment["AWS_ENDPOINT_URL"]
        self.logs, self.functions, self.sns, self.sqs = (
            session.create_client(name, region_name=region, endpoint_url=endpoint)
            for name in ("logs", "lambda", "sns", "sqs")
        )
        server = parts.get("server")
        self.topic = server and server["part"]["environment"]["TOPIC_ARN"]
        self.began = time.time()
        self.queue = self.subscription = None

    def subscribe(self):
        """Gives the topic a second queue; an Event API has none."""
        if self.topic and not self.queue:
            name = f"hops-{int(self.began)}"
            self.arn = f"{self.topic.replace(':sns:', ':sqs:').rsplit(':', 1)[0]}:{name}"
            statement = {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": self.arn,
            }
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            self.queue = self.sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
        if self.topic:
            answer = self.sns.subscribe(
                TopicArn=self.topic,
                Protocol="sqs",
                Endpoint=self.arn,
                Attributes={"RawMessageDelivery": "true"},
                ReturnSubscriptionArn=True,
            )
            self.subscription = answer["SubscriptionArn"]

    def unsubscribe(self):
        if self.subscription:
            self.sns.unsubscribe(SubscriptionArn=self.subscription)
            self.subscription = None

    def end(self):
        self.unsubscribe()
        if self.queue:
            self.sqs.delete_queue(QueueUrl=self.queue)

    def log(self, word):
        """Reads the log of a function: when it was called, and begin and end of its handler, as they came."""
        names = [one["FunctionName"] for one in self.functions.list_functions()["Functions"]]
        name = next(name for name in names if word in name.lower())
        setting = self.functions.get_function_configuration(FunctionName=name).get("LoggingConfig", {})
        group = setting.get("LogGroup") or f"/aws/lambda/{name}"
        pages = self.logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(self.began * 1000), PaginationConfig={"PageSize": 1000}
        )
        called, handled = [], []
        for event in (event for page in pages for event in page["events"]):
            report = re.match(r"REPORT .*?\tDuration: ([\d.]+) ms", event["message"])
            if report:
                called.append((event["timestamp"] - float(report[1])) / 1000)
            elif event["message"].startswith("{"):
                line = json.loads(event["message"])
                if line.get("message") in ("request", "batch"):
                    end = datetime.fromisoformat(line["timestamp"]).timestamp()
                    handled.append((end - line["milliseconds"] / 1000, end))
        return sorted(called), sorted(handled)

    def sent(self):
        """Empties the bench's queue: when the topic sent each revision."""
        sent = {}
        while self.queue:
            answer = self.sqs.receive_message(
                QueueUrl=self.queue, MaxNumberOfMessages=10, AttributeNames=["SentTimestamp"]
            )
            messages = answer.get("Messages", [])
            if not messages:
                break
            for message in messages:
                factory = json.loads(message["Body"]).get("factory")
                if factory:
                    sent[factory["id"], factory["revision"]] = int(message["Attributes"]["SentTimestamp"]) / 1000
            entries = [
                {"Id": str(place), "ReceiptHandle": message["ReceiptHandle"]} for place, message in enumerate(messages)
            ]
            self.sqs.delete_message_batch(QueueUrl=self.queue, Entries=entries)
        return sent

    def queue_waits(self, count=100):
        """Measures the queue alone: from a message's sending to one of several long polls that waits for it."""
        self.unsubscribe()
        waits, is_over = [], threading.Event()

        def poll():
            while not is_over.is_set():
                answer = self.sqs.receive_message(
                    QueueUrl=self.queue, WaitTimeSeconds=2, MaxNumberOfMessages=10, AttributeNames=["SentTimestamp"]
                )
                now = time.time()
                for message in answer.get("Messages", []):
                    waits.append(now - int(message["Attributes"]["SentTimestamp"]) / 1000)
                    self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])

        pollers = [threading.Thread(target=poll) for _ in range(POLLS)]
        for poller in pollers:
            poller.start()
        for number in range(count):
            time.sleep(random.uniform(*PAUSES))
            self.sqs.send_message(QueueUrl=self.queue, MessageBody=str(number))
        is_over.set()
        for poller in pollers:
            poller.join()
        return waits


def between(moments, begin, end):
    """Returns the first moment of those within a time, or `None`."""
    return next((moment for moment in moments if begin <= first(moment) <= end), None)


def first(moment):
    return moment[0] if isinstance(moment, tuple) else moment


def split(probes, changes):
    """Returns the times of each hop, by its name, in the order of the way; of changes that every probe has seen."""
    api_called, api_handled = probes.log("api")
    publisher_called, publisher_handled = probes.log("publisher")
    sent = probes.sent()
    hops = {}
    for change in changes:
        answered, told = change.answered, change.told
        api = between(api_called, change.sent - 0.002, answered)
        request = api and between(api_handled, api - 0.002, answered)
        batch = request and between(publisher_handled, request[0], told[-1])
        # A heartbeat's call is in the same log, so the last one before the batch counts.
        publisher = batch and max((at for at in publisher_called if at <= batch[0] + 0.002), default=None)
        topic = sent.get((change.id, change.revision))
        if not publisher or (probes.topic and not topic):
            continue
        way = [
            ("PATCH sent → api called", change.sent, api),
            ("api called → its handler begins", api, request[0]),
            ("its handler, with the table", *request),
            ("written → publisher called", request[1], publisher),
            ("publisher called → its handler begins", publisher, batch[0]),
        ]
        if topic:
            way.append(("handler begins → topic sends", batch[0], topic))
            way.append(("topic sends → first page has it", topic, told[0]))
        else:
            way.append(("handler begins → first page has it", batch[0], told[0]))
        way.append(("first page → every page has it", told[0], told[-1]))
        way.append(("*beside it*: PATCH sent → answered", change.sent, answered))
        way.append(("*beside it*: api's handler ended → PATCH answered", request[1], answered))
        way.append(("*beside it*: publisher's handler", *batch))
        way.append(("all: PATCH sent → every page has it", change.sent, told[-1]))
        for name, begin, end in way:
            hops.setdefault(name, []).append(end - begin)
    return hops
