// Drives the simulator with the official Node.js library, unchanged but for the addresses it calls.
//
// Environment:
//   MIDTRANS_SIMULATOR_URL            base URL of a running simulator (required)
//   GIGGLEFEST_NODE_MODULES_MIDTRANS  folder in which `npm ci` was run, or its node_modules (default: this folder)
//   MIDTRANS_SIMULATOR_SERVER_KEY, MIDTRANS_SIMULATOR_CLIENT_KEY  the simulator's keys (default: its test keys)

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const base = process.env.MIDTRANS_SIMULATOR_URL?.replace(/\/$/, "");
if (!base) {
  throw new Error("MIDTRANS_SIMULATOR_URL is not set: start the simulator and give its base URL");
}
const keys = {
  isProduction: false,
  serverKey: process.env.MIDTRANS_SIMULATOR_SERVER_KEY ?? "SB-Mid-server-TESTKEY",
  clientKey: process.env.MIDTRANS_SIMULATOR_CLIENT_KEY ?? "SB-Mid-client-TESTKEY",
};

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = (process.env.GIGGLEFEST_NODE_MODULES_MIDTRANS ?? here).replace(/\/node_modules\/?$/, "");
const require = createRequire(path.join(folder, "resolve-from-here.js"));
const midtrans = require("midtrans-client");
assert.equal(require("midtrans-client/package.json").version, "1.4.3");

// The only change to the library: where the sandbox is.
const ApiConfig = require("midtrans-client/lib/apiConfig");
ApiConfig.CORE_SANDBOX_BASE_URL = base;
ApiConfig.SNAP_SANDBOX_BASE_URL = `${base}/snap/v1`;

// A merchant's notification handler.
const received = [];
const merchant = createServer((request, response) => {
  let text = "";
  request.on("data", (chunk) => { text += chunk; });
  request.on("end", () => {
    received.push({ headers: request.headers, body: JSON.parse(text) });
    response.writeHead(200).end();
    merchant.emit("notified");
  });
}).listen(0, "127.0.0.1");
await once(merchant, "listening");

const snap = new midtrans.Snap(keys);
const core = new midtrans.CoreApi(keys);
// As the library's documentation says to add headers.
for (const client of [snap, core]) {
  client.httpClient.http_client.defaults.headers.common["X-Override-Notification"] =
    `http://127.0.0.1:${merchant.address().port}/notifications`;
}

let nextOrder = 0;
const newOrder = () => `NODE-${process.pid}-${Date.now()}-${++nextOrder}`;

async function admin(command, body) {
  const response = await fetch(`${base}/admin/${command}`, { method: "POST", body: JSON.stringify(body) });
  const answer = await response.json();
  assert.ok(response.ok, `${command}: ${JSON.stringify(answer)}`);
  return answer;
}

async function notification(orderId, status) {
  const deadline = AbortSignal.timeout(10_000);
  for (;;) {
    const found = received.find(({ body }) => body.order_id === orderId && body.transaction_status === status);
    if (found) {
      return found;
    }
    await once(merchant, "notified", { signal: deadline });
  }
}

function create(orderId, grossAmount, extra = {}) {
  return snap.createTransaction({ transaction_details: { order_id: orderId, gross_amount: grossAmount }, ...extra });
}

async function refusal(promise) {
  const error = await promise.then(
    (answer) => assert.fail(`should have been refused: ${JSON.stringify(answer)}`),
    (error) => error,
  );
  assert.equal(error.name, "MidtransError");
  return error;
}

function signature({ order_id, status_code, gross_amount }) {
  return createHash("sha512").update(order_id + status_code + gross_amount + keys.serverKey).digest("hex");
}

const checks = {
  async "a Snap transaction is created, paid and confirmed"() {
    const orderId = newOrder();
    const transaction = await create(orderId, 145000, {
      item_details: [
        { id: "TICKET-A", price: 75000, quantity: 2, name: "Regular ticket" },
        { id: "VOUCHER", price: -10000, quantity: 1, name: "Voucher" },
        { id: "FEE", price: 5000, quantity: 1, name: "Service fee" },
      ],
      customer_details: { first_name: "Ayu", email: "ayu@example.test", phone: "+6281200000000" },
    });
    assert.match(transaction.token, /^[0-9a-f-]{36}$/);
    assert.equal(transaction.redirect_url, `${base}/snap/v3/redirection/${transaction.token}`);
    assert.equal((await fetch(transaction.redirect_url)).status, 200);

    const early = await refusal(snap.transaction.status(orderId));
    assert.equal(early.httpStatusCode, "404");
    assert.equal(early.ApiResponse.status_message, "Transaction doesn't exist.");

    await admin("pay", { order_id: orderId, method: "bca_va" });
    const { headers, body } = await notification(orderId, "settlement");
    assert.equal(headers["user-agent"], "Veritrans");
    assert.equal(body.signature_key, signature(body));
    // The library takes the transaction id of the message and asks for the status.
    const confirmed = await core.transaction.notification(body);
    assert.equal(confirmed.order_id, orderId);
    assert.equal(confirmed.transaction_status, "settlement");
    assert.equal(confirmed.fraud_status, "accept");
    assert.equal(confirmed.gross_amount, "145000.00");
    assert.equal(confirmed.va_numbers[0].bank, "bca");
    assert.equal(confirmed.signature_key, signature(confirmed));
    assert.deepEqual(await snap.transaction.notification(JSON.stringify(body)), confirmed);

    const again = await refusal(create(orderId, 145000));
    assert.equal(again.httpStatusCode, 400);
    assert.match(again.ApiResponse.error_messages[0], /has been paid and utilized/);
  },

  async "token and address have shortcuts of their own"() {
    const parameter = { transaction_details: { order_id: newOrder(), gross_amount: 10000 } };
    assert.match(await snap.createTransactionToken(parameter), /^[0-9a-f-]{36}$/);
    assert.ok((await snap.createTransactionRedirectUrl(parameter)).startsWith(base));
  },

  async "mistakes are refused with the known texts"() {
    const error = await refusal(create(newOrder(), 10000, {
      item_details: [{ price: 9999, quantity: 1, name: "Ticket" }],
    }));
    assert.equal(error.httpStatusCode, 400);
    assert.deepEqual(error.ApiResponse.error_messages, [
      "transaction_details.gross_amount is not equal to the sum of item_details",
    ]);
  },

  async "a wrong key is refused"() {
    const stranger = new midtrans.Snap({ ...keys, serverKey: "SB-Mid-server-WRONG" });
    const parameter = { transaction_details: { order_id: newOrder(), gross_amount: 10000 } };
    assert.equal((await refusal(stranger.createTransaction(parameter))).httpStatusCode, 401);
    assert.equal((await refusal(stranger.transaction.status("ANY"))).httpStatusCode, 401);
  },

  async "a pending payment expires; 407 is an answer, not an error"() {
    const orderId = newOrder();
    await create(orderId, 10000);
    await admin("pay", { order_id: orderId, method: "gopay", outcome: "pending" });
    assert.equal((await core.transaction.status(orderId)).status_code, "201");
    const expired = await core.transaction.expire(orderId);
    assert.equal(expired.status_code, "407");
    assert.equal(expired.transaction_status, "expire");
    const { body } = await notification(orderId, "expire");
    assert.equal(body.status_code, "202");
    assert.equal((await core.transaction.notification(body)).status_code, "407");
    assert.equal((await refusal(core.transaction.expire(orderId))).httpStatusCode, "412");
  },

  async "a pending payment is cancelled and the order can be used again"() {
    const orderId = newOrder();
    await create(orderId, 10000);
    await admin("pay", { order_id: orderId, method: "permata_va", outcome: "pending" });
    const cancelled = await snap.transaction.cancel(orderId);
    assert.equal(cancelled.status_code, "200");
    assert.equal(cancelled.transaction_status, "cancel");
    assert.equal((await notification(orderId, "cancel")).body.status_code, "202");
    assert.ok((await create(orderId, 10000)).token);
  },

  async "a challenged card is approved or denied"() {
    for (const [operation, status] of [["approve", "capture"], ["deny", "deny"]]) {
      const orderId = newOrder();
      await create(orderId, 10000);
      await admin("pay", { order_id: orderId, method: "credit_card", outcome: "challenge" });
      assert.equal((await core.transaction.status(orderId)).fraud_status, "challenge");
      assert.equal((await core.transaction[operation](orderId)).transaction_status, status);
    }
  },

  async "refunds are partial, then full, and never double"() {
    const orderId = newOrder();
    await create(orderId, 50000);
    await admin("pay", { order_id: orderId, method: "gopay" });
    const paid = await core.transaction.status(orderId);
    assert.equal(paid.transaction_status, "settlement");
    assert.equal(paid.refunds, undefined);
    const part = await core.transaction.refund(orderId, { refund_key: "r1", amount: 20000, reason: "one ticket" });
    assert.equal(part.transaction_status, "partial_refund");
    assert.equal(part.refund_amount, "20000.00");
    const double = await refusal(core.transaction.refund(orderId, { refund_key: "r1", amount: 20000 }));
    assert.equal(double.httpStatusCode, "406");
    const tooMuch = await refusal(core.transaction.refund(orderId, { refund_key: "r2", amount: 30001 }));
    assert.equal(tooMuch.httpStatusCode, "414");
    const rest = await core.transaction.refundDirect(orderId, { refund_key: "r2", amount: 30000, reason: "the rest" });
    assert.equal(rest.transaction_status, "refund");
    const { body } = await notification(orderId, "refund");
    assert.equal(body.signature_key, signature(body));
    assert.equal(body.refund_amount, "50000.00");
    assert.equal((await core.transaction.notification(body)).refunds.length, 2);
    // Asked by either of its names, it tells what went back by which key.
    for (const id of [orderId, paid.transaction_id]) {
      const known = await snap.transaction.status(id);
      assert.equal(known.transaction_status, "refund");
      assert.equal(known.gross_amount, "50000.00");
      assert.equal(known.refund_amount, "50000.00");
      assert.deepEqual(
        known.refunds.map(({ refund_key, refund_amount, reason }) => [refund_key, refund_amount, reason]),
        [["r1", "20000.00", "one ticket"], ["r2", "30000.00", "the rest"]],
      );
    }
  },

  async "virtual accounts cannot be refunded"() {
    const orderId = newOrder();
    await create(orderId, 50000);
    await admin("pay", { order_id: orderId, method: "bca_va" });
    const error = await refusal(snap.transaction.refund(orderId, { refund_key: "r1" }));
    assert.equal(error.httpStatusCode, "412");
  },

  async "a card is charged through the Core API with a token"() {
    const token = await core.cardToken({
      card_number: "4811111111111114",
      card_exp_month: "12",
      card_exp_year: "2030",
      card_cvv: "123",
      client_key: keys.clientKey,
    });
    const orderId = newOrder();
    const charged = await core.charge({
      payment_type: "credit_card",
      transaction_details: { order_id: orderId, gross_amount: 150000 },
      credit_card: { token_id: token.token_id, type: "authorize" },
    });
    assert.equal(charged.transaction_status, "authorize");
    const captured = await core.capture({ transaction_id: charged.transaction_id, gross_amount: 150000 });
    assert.equal(captured.transaction_status, "capture");
    assert.equal(captured.masked_card, "48111111-1114");
  },

  async "a virtual account is charged through the Core API"() {
    const charged = await core.charge({
      payment_type: "bank_transfer",
      transaction_details: { order_id: newOrder(), gross_amount: 100000 },
      bank_transfer: { bank: "bca" },
    });
    assert.equal(charged.status_code, "201");
    assert.equal(charged.va_numbers[0].bank, "bca");
    const invalid = await refusal(core.charge({ payment_type: "bank_transfer", bank_transfer: { bank: "bca" } }));
    assert.equal(invalid.httpStatusCode, 400);
    assert.equal(invalid.ApiResponse.validation_messages.length, 2);
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.stack}`);
  }
}
merchant.closeAllConnections();
merchant.close();
console.log(`${Object.keys(checks).length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
