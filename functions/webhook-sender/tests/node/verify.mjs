// Verifies what was sent with the official library of Standard Webhooks, and that it refuses what was changed on the way.
//
// Environment:
//   WEBHOOK_MESSAGES                   JSON list of {secrets, headers, body} (required)
//   GIGGLEFEST_NODE_MODULES_WEBHOOKS   folder in which `npm ci` was run, or its node_modules (default: this folder)

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = (process.env.GIGGLEFEST_NODE_MODULES_WEBHOOKS ?? here).replace(/\/node_modules\/?$/, "");
const require = createRequire(path.join(folder, "resolve-from-here.js"));
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const messages = JSON.parse(process.env.WEBHOOK_MESSAGES);
assert.ok(messages.length > 0);
const stranger = new Webhook(`whsec_${Buffer.alloc(32, 7).toString("base64")}`);
for (const { secrets, headers, body } of messages) {
  const refused = (webhook, changes, text = body) =>
    assert.throws(() => webhook.verify(text, { ...headers, ...changes }), WebhookVerificationError);
  for (const secret of secrets) {
    const webhook = new Webhook(secret);
    const message = webhook.verify(body, headers);
    assert.equal(message.version, 1);
    assert.equal(typeof message.type, "string");
    refused(webhook, {}, `${body} `);
    refused(webhook, { "webhook-id": `${headers["webhook-id"]}0` });
    refused(webhook, { "webhook-timestamp": String(Number(headers["webhook-timestamp"]) + 1) });
    refused(webhook, { "webhook-timestamp": String(Number(headers["webhook-timestamp"]) - 3600) });
  }
  refused(stranger, {});
}
console.log(`${messages.length} messages verified`);
