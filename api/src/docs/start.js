// Starts the viewer of the contract in the place of the list. It asks nobody but this server.

/** Colours that are dark enough to be read, and no frame around what a link leads to. */
const STYLE = `
  .light-mode { --scalar-color-2: #3d3d46; --scalar-color-3: #5c5c66; --scalar-color-green: #006b3c; --scalar-color-orange: #9c4400;
    --scalar-color-blue: #0060a8; --scalar-color-red: #b3000c; --scalar-color-yellow: #7a5c00; --scalar-color-purple: #5b3fbf; }
  .dark-mode { --scalar-color-2: #c4c4cf; --scalar-color-3: #a5a5b0; }
  .section:focus { outline: none; }
`;

/** What refuses an operation, and which permission it needs, as links to the tables. */
function explain(operation) {
  const { summary, description, "x-permission": permission, "x-error-codes": codes = [] } = operation;
  const parts = description === summary ? [] : [description];
  if (permission) parts.push(`Permission: [\`${permission}\`](/docs/scopes#${permission}).`);
  parts.push(`Refusals: ${codes.map((code) => `[\`${code}\`](/docs/errors#${code})`).join(", ")}.`);
  operation.description = parts.join("\n\n");
}

async function start() {
  const answer = await fetch("/openapi.json");
  const contract = await answer.json();
  Object.values(contract.paths).flatMap(Object.values).forEach(explain);
  document.querySelector("#viewer").replaceChildren();
  Scalar.createApiReference("#viewer", {
    content: contract,
    customCss: STYLE,
    withDefaultFonts: false,
    telemetry: false,
    agent: { disabled: true },
    mcp: { disabled: true },
    showDeveloperTools: "never",
    hideClientButton: true,
    hideModels: true,
    persistAuth: false,
    documentDownloadType: "none",
    defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
    generateOperationSlug: (operation) => operation.operationId,
    generateTagSlug: (tag) => tag.name.toLowerCase(),
  });
}

// Without the viewer the list stays.
if (globalThis.Scalar) start();
