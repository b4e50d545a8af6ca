//! The client of tool servers, against servers that others wrote: one in Python, one in Node.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use warbler_domain::{ToolClient as _, ToolError, ToolServer, ToolTransport};
use warbler_models::{McpClient, McpOptions};
use warbler_tests::servers;
use zeroize::Zeroizing;

fn stdio(command: &str, arguments: &[&str], environment: BTreeMap<String, String>) -> ToolServer {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let transport = ToolTransport::Stdio { command: command.into(), arguments, environment };
    ToolServer { transport, token: None, timeout: Duration::from_mins(2), max_answer: 64 * 1024 }
}

/// The search path alone: a script finds its interpreter by it.
fn path() -> BTreeMap<String, String> {
    BTreeMap::from([("PATH".to_owned(), std::env::var("PATH").unwrap_or_default())])
}

fn everything() -> Option<ToolServer> {
    let script = servers::everything_server()?;
    Some(stdio("node", &[script.to_str().unwrap(), "stdio"], path()))
}

#[tokio::test]
async fn a_tool_in_python_answers_with_structured_json() {
    let Some(program) = servers::time_server() else { return };
    let connection = McpClient::new().connect(stdio(program.to_str().unwrap(), &[], path())).await.unwrap();
    let tools = connection.tools().await.unwrap();
    let convert = tools.iter().find(|tool| tool.name == "convert_time").unwrap();
    assert!(serde_json::from_str::<Value>(&convert.parameters).unwrap()["properties"]["time"].is_object());
    let asked = json!({"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Shanghai"});
    let answer = connection.call("convert_time", &asked.to_string()).await.unwrap();
    assert!(answer.contains("20:00"), "{answer}");
    assert!(serde_json::from_str::<Value>(&answer).unwrap().is_object(), "{answer}");
    let wrong = json!({"source_timezone": "Nowhere/None", "time": "12:00", "target_timezone": "UTC"});
    let error = connection.call("convert_time", &wrong.to_string()).await.unwrap_err();
    assert!(matches!(error, ToolError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_tool_in_node_answers_over_pipes() {
    let Some(server) = everything() else { return };
    let connection = McpClient::new().connect(server).await.unwrap();
    assert!(connection.tools().await.unwrap().iter().any(|tool| tool.name == "echo"));
    let answer = connection.call("echo", r#"{"message": "你好"}"#).await.unwrap();
    assert!(serde_json::from_str::<String>(&answer).unwrap().contains("你好"), "{answer}");
    let error = connection.call("no-such-tool", "{}").await.unwrap_err();
    assert!(matches!(error, ToolError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_tool_that_hangs_is_given_up_and_the_connection_goes_on() {
    let Some(mut server) = everything() else { return };
    server.timeout = Duration::from_secs(4);
    // It starts within its own, longer limit; only calls are held to the short one.
    let connection = McpClient::new().connect(server).await.unwrap();
    let slow = r#"{"duration": 600, "steps": 2}"#;
    let error = connection.call("trigger-long-running-operation", slow).await.unwrap_err();
    assert_eq!(error, ToolError::TimedOut { limit: Duration::from_secs(4) });
    assert!(connection.call("echo", r#"{"message": "still there"}"#).await.is_ok());
}

#[tokio::test]
async fn a_program_sees_its_own_environment_and_nothing_else() {
    let Some(mut server) = everything() else { return };
    let ToolTransport::Stdio { environment, .. } = &mut server.transport else { panic!("not a program") };
    environment.insert("SHOP".to_owned(), "书店".to_owned());
    let connection = McpClient::new().connect(server).await.unwrap();
    let answer = connection.call("get-env", "{}").await.unwrap();
    let seen: Value = serde_json::from_str(&answer).unwrap();
    let names: BTreeSet<&str> = seen.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["PATH", "SHOP"]), "{answer}");
}

#[tokio::test]
async fn a_program_that_died_is_started_anew() {
    // It answers what a session begins with, then ends at the first call, and so again each time that it starts.
    let script = r#"
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked["method"] == "initialize":
        result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "x", "version": "1"}}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
    elif asked["method"] == "tools/list":
        tool = {"name": "die", "inputSchema": {"type": "object"}}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": {"tools": [tool]}}), flush=True)
    elif asked["method"] == "tools/call":
        sys.exit(1)
"#;
    let connection = McpClient::new().connect(stdio("python3", &["-c", script], path())).await.unwrap();
    for _ in 0..2 {
        assert_eq!(connection.tools().await.unwrap()[0].name, "die");
        let error = connection.call("die", "{}").await.unwrap_err();
        assert!(matches!(error, ToolError::Unreachable { .. }), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_tool_server_is_unreachable_with_the_reason() {
    let client = McpClient::new();
    for (command, arguments) in [("no-such-program-at-all", &[][..]), ("true", &[]), ("echo", &["hello"])] {
        let server = ToolServer { timeout: Duration::from_secs(5), ..stdio(command, arguments, path()) };
        let Err(error) = client.connect(server).await else { panic!("{command} connected") };
        assert!(error.is_transient(), "{command}: {error}");
    }
}

#[tokio::test]
async fn a_server_over_http_is_reached_only_where_its_address_is_allowed() {
    let Some(script) = servers::everything_server() else { return };
    let (_process, url) = servers::everything_over_http(&script).unwrap();
    let server = ToolServer {
        transport: ToolTransport::Http { url: url.clone() },
        token: Some(Zeroizing::new("token-of-the-tenant".into())),
        timeout: Duration::from_mins(2),
        max_answer: 64 * 1024,
    };
    let Err(error) = McpClient::new().connect(server.clone()).await else { panic!("a private address was reached") };
    assert!(error.to_string().contains("private"), "{error}");
    let address = url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let client = McpClient::with_options(McpOptions { private_hosts: BTreeSet::from([address]) });
    let connection = client.connect(server).await.unwrap();
    assert!(connection.tools().await.unwrap().len() > 5);
    let answer = connection.call("echo", r#"{"message": "over HTTP"}"#).await.unwrap();
    assert!(answer.contains("over HTTP"), "{answer}");
}
