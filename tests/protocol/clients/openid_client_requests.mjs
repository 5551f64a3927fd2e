// Requests that are signed, pushed and bound to a key, and answers that are signed, by openid-client. Prints what it saw as JSON.

import * as client from "openid-client";

import { answerTo, told } from "./person.mjs";

const given = await told();
const es256 = { name: "ECDSA", namedCurve: "P-256" };
const key = await crypto.subtle.importKey("jwk", given.key, es256, false, ["sign"]);
const signer = { key, kid: given.key.kid };
const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks];

async function flow({ jar, par, jarm, dpop }) {
  const config = await client.discovery(
    new URL(given.issuer),
    given.client_id,
    {
      id_token_signed_response_alg: "ES256",
      authorization_signed_response_alg: "ES256",
      use_mtls_endpoint_aliases: false,
    },
    client.PrivateKeyJwt(signer),
    { execute },
  );
  if (jarm) client.useJwtResponseMode(config);
  const DPoP = dpop ? client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256")) : undefined;
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const expectedNonce = client.randomNonce();
  const parameters = {
    redirect_uri: given.redirect_uri,
    scope: "openid api:read",
    prompt: "consent",
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: expectedState,
    nonce: expectedNonce,
  };
  let url = jar
    ? await client.buildAuthorizationUrlWithJAR(config, parameters, signer)
    : client.buildAuthorizationUrl(config, parameters);
  if (par) url = await client.buildAuthorizationUrlWithPAR(config, url.searchParams, { DPoP });
  const callback = await answerTo(url, given);
  const tokens = await client.authorizationCodeGrant(
    config,
    callback,
    { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true },
    undefined,
    { DPoP },
  );
  const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP });
  return {
    sent: [...url.searchParams.keys()].sort(),
    answered: [...callback.searchParams.keys()].sort(),
    type: tokens.token_type,
    same_subject: info.sub === tokens.claims().sub,
  };
}

const seen = {};
for (const [name, features] of Object.entries(given.flows)) seen[name] = await flow(features);
console.log(JSON.stringify(seen));
