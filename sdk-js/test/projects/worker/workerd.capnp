using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["private", "public"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);

const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.bundle.js")],
  compatibilityDate = "2026-01-01",
  bindings = [
    (name = "EVENTFLOW_URL", fromEnvironment = "EVENTFLOW_URL"),
    (name = "EVENTFLOW_SECRET_KEY", fromEnvironment = "EVENTFLOW_SECRET_KEY"),
    (name = "EVENT_ID", fromEnvironment = "EVENT_ID"),
    (name = "WEBHOOK_SECRETS", fromEnvironment = "WEBHOOK_SECRETS")
  ]
);
