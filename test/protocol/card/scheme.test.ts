import { maskPan } from "@swipewire/protocol/card/masking";
import { schemeOf } from "@swipewire/protocol/card/scheme";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import creditCardType from "credit-card-type";
import fc from "fast-check";
import t from "tap";

t.test("the scheme of published test numbers, by what their masks show", async (t) => {
  for (const [name, scheme] of [
    ["unionpay-debit", "UnionPay"],
    ["unionpay-debit-19", "UnionPay"],
    ["unionpay-credit", "UnionPay"],
    ["visa-no-pin", "Visa"],
    ["mastercard-chip", "Mastercard"],
    ["amex", "American Express"],
    ["discover", "Discover"],
    ["jcb", "JCB"],
  ] as const) {
    t.equal(schemeOf(maskPan(testCard(name).pan) ?? ""), scheme, name);
  }
});

t.test("four digits tell some schemes, and none where they are not enough", async (t) => {
  t.equal(schemeOf("4111********1111"), "Visa");
  t.equal(schemeOf("5452********7189"), "Mastercard");
  t.equal(schemeOf("3782*******0005"), "American Express");
  t.equal(schemeOf("6224********0069"), undefined, "UnionPay's ranges have six digits");
  t.equal(schemeOf("5041********0000"), undefined, "Maestro's or Elo's");
});

t.test("what does not tell, tells nothing", async (t) => {
  for (const masked of ["", "****************", "6*", "6500**********0000", "9558820*****0000", "x411111", "abc"]) {
    t.equal(schemeOf(masked), undefined, masked);
  }
  t.equal(schemeOf("606999******0000"), undefined, "the first digit of many schemes is no range of Maestro's");
});

t.test("says nothing of any number whose first digits are no range of that scheme", async (t) => {
  const all = Object.values(creditCardType.types).map((type) => creditCardType.getTypeInfo(type));
  const inRange = (digits: string, pattern: number | number[]) => {
    const [low = 0, high = low] = [pattern].flat();
    const start = Number(digits.slice(0, String(low).length));
    return String(low).length <= digits.length && low <= start && start <= high;
  };
  fc.assert(
    fc.property(fc.stringMatching(/^\d{0,6}$/), (digits) => {
      const scheme = schemeOf(`${digits}**********`);
      return (
        scheme === undefined || all.some((s) => s.niceType === scheme && s.patterns.some((p) => inRange(digits, p)))
      );
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});
