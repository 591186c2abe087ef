use crate::{Fleet, Reply};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use std::time::Duration;

/// A queue, for putting messages in and looking at what lies in it.
#[derive(Debug, Clone)]
pub struct Queue {
    fleet: Fleet,
    url: String,
}

/// A message that was received.
#[derive(Debug)]
pub struct Message {
    /// Its text.
    pub body: String,
    receipt: String,
}

impl Fleet {
    /// Calls a function directly and gives what it returns.
    ///
    /// # Panics
    /// When it fails.
    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        let answer = self.try_invoke(function, event).await;
        answer.unwrap_or_else(|error| panic!("{function} failed with {error}"))
    }

    /// The same for a function that may fail.
    ///
    /// # Errors
    /// What it said, or what was said of its end.
    pub async fn try_invoke(&self, function: &str, event: &Value) -> Result<Value, String> {
        let path = format!("/2015-03-31/functions/gigglefest-{function}/invocations");
        let request = self.http.post(format!("{}{path}", self.aws_url)).json(event);
        // A job may use all of its own time.
        let request = request.timeout(Duration::from_secs(120));
        let answer = signed(request, "lambda")
            .send()
            .await
            .expect("the emulator answers");
        let error = answer.headers().contains_key("x-amz-function-error");
        let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
        if status.is_success() && !error {
            Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
        } else {
            Err(format!("{status}: {text}"))
        }
    }

    /// The queue whose URL is an output of the stack, `MailUrl` for one.
    pub async fn queue(&self, output: &str) -> Queue {
        Queue {
            fleet: self.clone(),
            url: self.output(output).await,
        }
    }

    /// An object of the bucket of uploads and pictures. `None` if there is none.
    pub async fn object(&self, key: &str) -> Option<Reply> {
        let bucket = self.output("MediaBucketName").await;
        let request = self.http.get(format!("{}/{bucket}/{key}", self.aws_url));
        let reply = Reply::of(signed(request, "s3")).await;
        (reply.status != 404).then_some(reply)
    }

    /// An output of the stack.
    async fn output(&self, output: &str) -> String {
        let form = [
            ("Action", "DescribeStacks"),
            ("StackName", "gigglefest"),
            ("Version", "2010-05-15"),
        ];
        let request = self.http.post(format!("{}/", self.aws_url)).form(&form);
        let answer = signed(request, "cloudformation")
            .send()
            .await
            .expect("the emulator answers");
        let xml = answer.text().await.expect("an answer in XML");
        output_value(&xml, output).unwrap_or_else(|| panic!("the stack has no output {output}: {xml}"))
    }
}

/// The value of a stack's output in the answer to `DescribeStacks`, wherever it stands beside its key.
fn output_value(xml: &str, key: &str) -> Option<String> {
    let within = |text: &str, tag: &str| {
        let rest = text.split_once(&format!("<{tag}>"))?.1;
        Some(rest.split_once(&format!("</{tag}>"))?.0.to_owned())
    };
    xml.split("<member>")
        .filter(|member| within(member, "OutputKey").as_deref() == Some(key))
        .find_map(|member| within(member, "OutputValue"))
}

/// The emulator asks for the form of a signature, not for its truth.
fn signed(request: RequestBuilder, service: &str) -> RequestBuilder {
    let scope = format!("test/20260101/ap-southeast-3/{service}/aws4_request");
    request.header(
        "authorization",
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"),
    )
}

impl Queue {
    /// Puts messages in with one call, so that they may well be delivered in one batch.
    ///
    /// # Panics
    /// When one is refused.
    pub async fn send(&self, bodies: &[&str]) {
        let entries: Vec<Value> = bodies
            .iter()
            .enumerate()
            .map(|(place, body)| json!({"Id": place.to_string(), "MessageBody": body}))
            .collect();
        let answer = self.call("SendMessageBatch", json!({"Entries": entries})).await;
        let sent = answer["Successful"].as_array().map_or(0, Vec::len);
        assert_eq!(sent, bodies.len(), "{answer}");
    }

    /// Messages that lie in the queue. They are visible again a second later unless they are deleted.
    pub async fn receive(&self) -> Vec<Message> {
        let input = json!({"MaxNumberOfMessages": 10, "VisibilityTimeout": 1});
        let answer = self.call("ReceiveMessage", input).await;
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        let text = |message: &Value, key: &str| message[key].as_str().unwrap_or_default().to_owned();
        messages
            .iter()
            .map(|message| Message {
                body: text(message, "Body"),
                receipt: text(message, "ReceiptHandle"),
            })
            .collect()
    }

    /// Deletes a message that was received.
    pub async fn delete(&self, message: &Message) {
        self.call("DeleteMessage", json!({"ReceiptHandle": message.receipt}))
            .await;
    }

    async fn call(&self, action: &str, mut input: Value) -> Value {
        input["QueueUrl"] = self.url.as_str().into();
        let request = self.fleet.http.post(format!("{}/", self.fleet.aws_url));
        let request = request
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .header("content-type", "application/x-amz-json-1.0")
            .body(input.to_string());
        let answer = signed(request, "sqs").send().await.expect("the emulator answers");
        let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
        assert!(status.is_success(), "{action} failed with {status}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}
