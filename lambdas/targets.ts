/**
 * Personal fields of the contracts (`personalData`) that targets other than functions may have, by the target's id in its
 * rule. The stack refuses a target that keeps any other, and `npm run routes` proves it. Functions have theirs in
 * `consumers.ts`.
 */
export const TARGETS: Readonly<Record<string, readonly string[]>> = {};
