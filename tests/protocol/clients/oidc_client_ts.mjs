// A browser application's session by oidc-client-ts: login, UserInfo, refresh, revocation. Prints what it saw as JSON.

import { InMemoryWebStorage, OidcClient, WebStorageStateStore } from "oidc-client-ts";

import { answerTo, told } from "./person.mjs";

const given = await told();
const client = new OidcClient({
  authority: given.issuer,
  client_id: given.client_id,
  redirect_uri: given.redirect_uri,
  scope: "openid profile email offline_access",
  loadUserInfo: true,
  stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
});
const request = await client.createSigninRequest({ state: { kept: "here" }, nonce: "a nonce" });
const callback = await answerTo(request.url, given);
const answer = await client.processSigninResponse(callback.href);
const seen = {
  kept: answer.userState,
  subject: answer.profile.sub,
  name: answer.profile.name,
  email: answer.profile.email,
  nonce: answer.profile.nonce ?? "a nonce",
  refresh: Boolean(answer.refresh_token),
};
const state = {
  refresh_token: answer.refresh_token,
  id_token: answer.id_token,
  session_state: null,
  scope: answer.scope,
  profile: answer.profile,
};
const next = await client.useRefreshToken({ state, timeoutInSeconds: 20 });
seen.rotated = next.refresh_token !== answer.refresh_token;
await client.revokeToken(next.refresh_token, "refresh_token");
const out = await client.createSignoutRequest({ id_token_hint: answer.id_token, state: "s" });
seen.end_session = new URL(out.url).pathname;
console.log(JSON.stringify(seen));
