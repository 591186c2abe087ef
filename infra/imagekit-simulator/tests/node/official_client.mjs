// Drives the simulator with the official Node.js library, unchanged but for its base URL.
//
// Environment:
//   IMAGEKIT_SIMULATOR_URL            base URL of a running simulator (required)
//   IMAGEKIT_SIMULATOR_ENDPOINT       URL endpoint of its account (required)
//   GIGGLEFEST_NODE_MODULES_IMAGEKIT  folder in which `npm ci` was run, or its node_modules (default: this folder)

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const setting = (name) => {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: start the simulator and give it`);
  }
  return value;
};
const baseURL = setting("IMAGEKIT_SIMULATOR_URL");
const urlEndpoint = setting("IMAGEKIT_SIMULATOR_ENDPOINT");

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = (process.env.GIGGLEFEST_NODE_MODULES_IMAGEKIT ?? here).replace(/\/node_modules\/?$/, "");
const require = createRequire(path.join(folder, "resolve-from-here.js"));
const { default: ImageKit, toFile } = require("@imagekit/nodejs");

const client = new ImageKit({ privateKey: "private_TESTKEY", baseURL, maxRetries: 0 });
// One pixel.
const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  "base64",
);
const show = async (url) => {
  const answer = await fetch(url);
  return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) };
};
const refused = async (promise, status) => {
  await assert.rejects(promise, (error) => {
    assert.equal(error.status, status, String(error));
    return true;
  });
};

// Upload, with a name that is made unique and one that is not.
const unique = await client.files.upload({ file: await toFile(png, "a.png"), fileName: "a b.png", folder: "/x/" });
assert.match(unique.filePath, /^\/x\/a_b_.{9}\.png$/);
assert.match(unique.fileId, /^[0-9a-f]{24}$/);
assert.deepEqual([unique.fileType, unique.width, unique.height, unique.size], ["image", 1, 1, png.length]);
assert.equal(unique.url, `${urlEndpoint}${unique.filePath}`);
const plain = { fileName: "poster.png", useUniqueFileName: false, folder: "/x" };
const first = await client.files.upload({ ...plain, file: await toFile(png, "p.png") });
const second = await client.files.upload({ ...plain, file: png.toString("base64") });
assert.equal(second.filePath, "/x/poster.png");
assert.equal(second.fileId, first.fileId);
assert.equal(second.versionInfo.name, "Version 2");
await refused(client.files.upload({ ...plain, overwriteFile: false, file: await toFile(png, "p.png") }), 400);

// Delivery, with transformations in the path and in the query.
const shown = await show(second.url);
assert.equal(shown.status, 200);
assert.equal(shown.headers.get("content-type"), "image/png");
assert.deepEqual(shown.bytes, png);
const src = { urlEndpoint, src: second.filePath };
for (const transformationPosition of ["path", "query"]) {
  const url = client.helper.buildSrc({ ...src, transformation: [{ width: 300, height: 200 }], transformationPosition });
  assert.equal((await show(url)).status, 200, url);
}
const missing = await show(client.helper.buildSrc({ urlEndpoint, src: "/nothing.png" }));
assert.equal(missing.status, 404);
assert.match(missing.headers.get("ik-error"), /^ENOENT/);

// Private files want a signature, which ends when it says.
const hidden = await client.files.upload({ ...plain, fileName: "hidden.png", isPrivateFile: true, file: await toFile(png, "h.png") });
assert.equal(hidden.isPrivateFile, true);
const secret = { urlEndpoint, src: hidden.filePath };
assert.equal((await show(client.helper.buildSrc(secret))).status, 401);
const signed = client.helper.buildSrc({ ...secret, signed: true });
assert.equal((await show(signed)).status, 200);
assert.equal((await show(`${signed}0`)).status, 401);
for (const transformationPosition of ["path", "query"]) {
  const url = client.helper.buildSrc({
    ...secret, transformation: [{ width: 10 }], transformationPosition, queryParameters: { v: "2" }, expiresIn: 60,
  });
  assert.match(url, /ik-t=\d+/);
  assert.equal((await show(url)).status, 200, url);
  assert.equal((await show(url.replace("w-10", "w-9999"))).status, 401);
}
const brief = client.helper.buildSrc({ ...secret, expiresIn: 1 });
await new Promise((done) => setTimeout(done, 2_100));
assert.equal((await show(brief)).status, 401);

// The media library.
const details = await client.files.get(second.fileId);
assert.deepEqual([details.name, details.type, details.mime], ["poster.png", "file", "image/png"]);
await client.files.delete(second.fileId);
await refused(client.files.delete(second.fileId), 404);
assert.equal((await show(second.url)).status, 404);

// Keys.
const stranger = new ImageKit({ privateKey: "private_OTHER", baseURL, maxRetries: 0 });
await refused(stranger.files.get(first.fileId), 403);
console.log("all as expected");
