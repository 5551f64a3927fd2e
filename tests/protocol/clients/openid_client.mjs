// The whole life of a session by openid-client, as an application would write it. Prints what it saw as JSON.

import * as client from "openid-client";

import { answerTo, told } from "./person.mjs";

const given = await told();
const issuer = new URL(given.issuer);
const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks];
const discover = (id, secret, metadata = {}) =>
  client.discovery(issuer, id, metadata, secret ? client.ClientSecretPost(secret) : client.None(), { execute });

const config = await discover(given.client_id, given.client_secret, {
  id_token_signed_response_alg: given.id_token_signed_response_alg,
});
const guard = await client.discovery(
  issuer,
  given.guard.client_id,
  undefined,
  client.ClientSecretBasic(given.guard.client_secret),
  { execute, algorithm: "oauth2" },
);

const pkceCodeVerifier = client.randomPKCECodeVerifier();
const expectedState = client.randomState();
const expectedNonce = client.randomNonce();
const url = client.buildAuthorizationUrl(config, {
  redirect_uri: given.redirect_uri,
  scope: "openid api:read",
  resource: given.resource,
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: "S256",
  state: expectedState,
  nonce: expectedNonce,
});
const callback = await answerTo(url, given);
const tokens = await client.authorizationCodeGrant(config, callback, {
  pkceCodeVerifier,
  expectedState,
  expectedNonce,
  idTokenExpected: true,
});
const seen = { subject: tokens.claims().sub, scope: tokens.scope, expires_in: tokens.expiresIn() };

const next = await client.refreshTokenGrant(config, tokens.refresh_token);
seen.rotated = next.refresh_token !== tokens.refresh_token && next.access_token !== tokens.access_token;
seen.same_subject = next.claims().sub === seen.subject;

const introspected = await client.tokenIntrospection(guard, next.access_token);
seen.introspected = { active: introspected.active, aud: introspected.aud, sub: introspected.sub };

await client.tokenRevocation(config, next.refresh_token);
seen.after_revocation = await client.tokenIntrospection(guard, next.access_token);
seen.refused = await client.refreshTokenGrant(config, next.refresh_token).then(
  () => "nothing",
  (error) => error.error,
);

if (given.client_secret) {
  const own = await client.clientCredentialsGrant(config, { scope: "api:read", resource: given.resource });
  seen.own = (await client.tokenIntrospection(guard, own.access_token)).sub === given.client_id;
  const registered = await client.dynamicClientRegistration(
    issuer,
    { redirect_uris: [given.redirect_uri], grant_types: ["authorization_code", "client_credentials"] },
    undefined,
    { execute, initialAccessToken: given.initial_access_token },
  );
  seen.registered = Boolean((await client.clientCredentialsGrant(registered)).access_token);
}
console.log(JSON.stringify(seen));
