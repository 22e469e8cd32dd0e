import t from "tap";
import { openShopFloor } from "./shop-floor.ts";

t.test("a merchant's key authenticates it, and is kept as a hash only", async (t) => {
  const { store, merchants, account } = await openShopFloor();
  t.teardown(() => store.destroy());
  t.match(account.apiKey, /^swk_[A-Za-z0-9_-]{43}$/);
  t.match(account.webhookSecret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  t.equal(await merchants.authenticate(account.apiKey), account.merchant);
  for (const wrong of ["", "swk_", account.apiKey.slice(0, -1), `${account.apiKey}x`, account.webhookSecret]) {
    await t.rejects(merchants.authenticate(wrong), { code: "api_key_refused" });
  }
  t.notMatch(JSON.stringify(await store.selectFrom("merchants").selectAll().execute()), account.apiKey);
});

t.test("what can't be a merchant is refused", async (t) => {
  const { store, merchants } = await openShopFloor();
  t.teardown(() => store.destroy());
  const good = { memberCode: "M-2", name: "Other", webhookUrl: "https://example.com/hook" };
  await t.rejects(merchants.add({ ...good, memberCode: "M-1" }), { code: "merchant_member_code_taken" });
  await t.rejects(merchants.add({ ...good, memberCode: "M 2" }), { code: "merchant_member_code_malformed" });
  await t.rejects(merchants.add({ ...good, name: "" }), { code: "merchant_name_malformed" });
  await t.rejects(merchants.add({ ...good, name: "x".repeat(81) }), { code: "merchant_name_malformed" });
  for (const webhookUrl of [
    "",
    "example.com/hook",
    "http://example.com/hook",
    "http://127.0.0.1.example.com/",
    "https://user:secret@example.com/",
    "ftp://example.com/",
  ]) {
    await t.rejects(merchants.add({ ...good, webhookUrl }), { code: "merchant_webhook_url_refused" }, webhookUrl);
  }
  await merchants.add(good);
  await merchants.add({ ...good, memberCode: "M-3", webhookUrl: "http://localhost:8080/" });
});
