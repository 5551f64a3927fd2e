// The same by oauth4webapi, which checks every answer against its specification. Prints what it saw as JSON.

import * as oauth from "oauth4webapi";

import { answerTo, told } from "./person.mjs";

const given = await told();
const issuer = new URL(given.issuer);
const insecure = { [oauth.allowInsecureRequests]: true };

const authentication = (secret) => (secret ? oauth.ClientSecretBasic(secret) : oauth.None());
const as = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { ...insecure, algorithm: "oauth2" }),
);
const client = { client_id: given.client_id, id_token_signed_response_alg: given.id_token_signed_response_alg };
const clientAuth = authentication(given.client_secret);
const guard = { client_id: given.guard.client_id };
const introspect = async (token) =>
  oauth.processIntrospectionResponse(
    as,
    guard,
    await oauth.introspectionRequest(as, guard, authentication(given.guard.client_secret), token, insecure),
  );

const verifier = oauth.generateRandomCodeVerifier();
const state = oauth.generateRandomState();
const nonce = oauth.generateRandomNonce();
const url = new URL(as.authorization_endpoint);
url.search = new URLSearchParams({
  client_id: client.client_id,
  response_type: "code",
  redirect_uri: given.redirect_uri,
  scope: "openid api:read",
  resource: given.resource,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
  nonce,
});
// checks state, and "iss" by RFC 9207
const parameters = oauth.validateAuthResponse(as, client, await answerTo(url, given), state);
const response = await oauth.authorizationCodeGrantRequest(
  as,
  client,
  clientAuth,
  parameters,
  given.redirect_uri,
  verifier,
  insecure,
);
const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
  expectedNonce: nonce,
  requireIdToken: true,
});
await oauth.validateApplicationLevelSignature(as, response, insecure);
const claims = oauth.getValidatedIdTokenClaims(tokens);
const seen = { subject: claims.sub, scope: tokens.scope, expires_in: tokens.expires_in };

if (given.jwt) {
  const request = new Request(given.resource, { headers: { authorization: `Bearer ${tokens.access_token}` } });
  const valid = await oauth.validateJwtAccessToken(as, request, given.resource, insecure);
  seen.jwt = { aud: valid.aud, sub: valid.sub, client_id: valid.client_id, scope: valid.scope };
}

const next = await oauth.processRefreshTokenResponse(
  as,
  client,
  await oauth.refreshTokenGrantRequest(as, client, clientAuth, tokens.refresh_token, insecure),
);
seen.rotated = next.refresh_token !== tokens.refresh_token && next.access_token !== tokens.access_token;
seen.same_subject = oauth.getValidatedIdTokenClaims(next).sub === seen.subject;
const introspected = await introspect(next.access_token);
seen.introspected = { active: introspected.active, aud: introspected.aud, sub: introspected.sub };

await oauth.processRevocationResponse(
  await oauth.revocationRequest(as, client, clientAuth, next.refresh_token, insecure),
);
seen.after_revocation = await introspect(next.access_token);
const late = await oauth.refreshTokenGrantRequest(as, client, clientAuth, next.refresh_token, insecure);
seen.refused = await oauth.processRefreshTokenResponse(as, client, late).then(
  () => "nothing",
  (error) => error.error,
);

if (given.client_secret) {
  const own = await oauth.processClientCredentialsResponse(
    as,
    client,
    await oauth.clientCredentialsGrantRequest(
      as,
      client,
      clientAuth,
      { scope: "api:read", resource: given.resource },
      insecure,
    ),
  );
  seen.own = (await introspect(own.access_token)).sub === given.client_id;
  const registered = await oauth.processDynamicClientRegistrationResponse(
    await oauth.dynamicClientRegistrationRequest(
      as,
      { redirect_uris: [given.redirect_uri] },
      { ...insecure, initialAccessToken: given.initial_access_token },
    ),
  );
  seen.registered = Boolean(registered.client_id && registered.client_secret);
}
console.log(JSON.stringify(seen));
