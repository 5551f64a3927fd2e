// The whole life of a session by simple-oauth2, as a web application would write it. Prints what it saw as JSON.

import { createHash, randomBytes } from "node:crypto";

import { AuthorizationCode, ClientCredentials } from "simple-oauth2";

import { answerTo, told } from "./person.mjs";

const given = await told();
const config = {
  client: { id: given.client_id, secret: given.client_secret },
  auth: {
    tokenHost: given.issuer,
    tokenPath: "/token",
    revokePath: "/revoke",
    authorizePath: "/authorize",
  },
};
const client = new AuthorizationCode(config);
const verifier = randomBytes(32).toString("base64url");
const state = randomBytes(16).toString("base64url");
const url = client.authorizeURL({
  redirect_uri: given.redirect_uri,
  scope: "openid api:read",
  state,
  resource: given.resource,
  code_challenge: createHash("sha256").update(verifier).digest("base64url"),
  code_challenge_method: "S256",
});
const callback = await answerTo(url, given);
const seen = { state: callback.searchParams.get("state") === state, iss: callback.searchParams.get("iss") };
const first = await client.getToken({
  code: callback.searchParams.get("code"),
  redirect_uri: given.redirect_uri,
  code_verifier: verifier,
});
seen.expired = first.expired();
seen.scope = first.token.scope;
const second = await first.refresh();
seen.rotated = second.token.refresh_token !== first.token.refresh_token;
await second.revoke("refresh_token");
seen.refused = await second.refresh().then(
  () => "nothing",
  (error) => error.data.payload.error,
);
const { authorizePath, ...auth } = config.auth;
const own = await new ClientCredentials({ ...config, auth }).getToken({ scope: "api:read", resource: given.resource });
seen.own = Boolean(own.token.access_token);
console.log(JSON.stringify(seen));
