/** Values of every setting that are allowed, each as the settings that it takes: the least, the most, what is usual. */
export interface Factor {
  /** Paths of the settings, e.g. `alarms.errors`. */
  readonly settings: readonly string[];
  /** The first is the default: nothing set. */
  readonly values: readonly object[];
}

const of = (path: string, ...values: readonly unknown[]): Factor => ({
  settings: [path],
  values: [{}, ...values.map((value) => nested(path.split('.'), value))],
});

function nested([key = '', ...rest]: readonly string[], value: unknown): object {
  return { [key]: rest.length > 0 ? nested(rest, value) : value };
}

const threshold = (name: string) => of(`alarms.${name}`, 1, 1_000_000);

export const FACTORS: readonly Factor[] = [
  of('projectName', 'a', 'a-name-of-24-characters-'),
  of(
    'tags',
    { Team: 'orders' },
    Object.fromEntries(Array.from({ length: 49 }, (_, i) => [`k${i}`, `v${i}`])),
  ),
  of('retainData', true, false),
  of('archiveRetentionDays', 1, 3650),
  of('logRetentionDays', 1, 3653),
  of('analyticsRetentionDays', 1, 60, 61, 36500),
  of('unknownEventDetail', 'REDACTED'),
  of('analyticsVersioning', true),
  of('analyticsAccessLogs', true),
  of('logLevel', 'DEBUG', 'WARN', 'ERROR'),
  of(
    'logLevels',
    { analytics: 'WARN' },
    { 'order-processor': 'DEBUG', notifier: 'ERROR', analytics: 'INFO' },
  ),
  of('busLogLevel', 'ERROR', 'INFO', 'TRACE'),
  of('tracingPercent', 5, 100),
  of('memory', { notifier: 512 }, { 'order-processor': 128, notifier: 10240, analytics: 1769 }),
  of('reservedConcurrency', { notifier: 1 }, { 'order-processor': 1000, notifier: 5, analytics: 5 }),
  of('tableCapacity', false, { least: 1, most: 1 }, { least: 5, most: 40_000 }),
  of('pointInTimeRecovery', false),
  of('delivery.retryAttempts', 0, 185),
  of('delivery.maxEventAge', 60, 86400),
  of('processing.retryAttempts', 0, 1),
  of('processing.maxEventAge', 60, 21600),
  threshold('queueDepth'),
  of('alarms.queueAge', 60, 1_209_600),
  threshold('undelivered'),
  threshold('errors'),
  threshold('throttles'),
  of('alarms.durationPercent', 1, 99),
  of('alarms.eventAgePercent', 1, 99),
  threshold('dropped'),
  threshold('tableThrottles'),
  threshold('tableErrors'),
  of('alarms.streamAge', 60, 86_400),
  of('alarms.streamFailurePercent', 1, 99),
  threshold('poisonEvents'),
  threshold('undeliveredNotifications'),
  threshold('refusedEvents'),
  of('alarms.trafficFloor', false, 1, 1_000_000),
  of('alarms.quietMinutes', 5, 1_440),
  {
    settings: [
      ...['dailyReportSchedule', 'alarms.dailyReportMinutes'],
      ...['dailyReportScheduler.timezone', 'dailyReportScheduler.flexibleMinutes'],
    ],
    values: [
      {},
      {
        alarms: { dailyReportMinutes: 10 },
        dailyReportScheduler: { timezone: 'Europe/Berlin', flexibleMinutes: 9 },
      },
      { dailyReportSchedule: 'cron(50 23 ? * * *)', alarms: { dailyReportMinutes: 45 } },
      { dailyReportSchedule: 'cron(0 0 * * ? *)', dailyReportScheduler: {} },
      { dailyReportSchedule: 'rate(1 day)', alarms: { dailyReportMinutes: false } },
      {
        dailyReportSchedule: 'rate(1 day)',
        alarms: { dailyReportMinutes: false },
        dailyReportScheduler: { timezone: 'Australia/Lord_Howe', flexibleMinutes: 1_440 },
      },
    ],
  },
  of('runbookUrl', 'https://wiki.example.com/runbook'),
  of(
    'publisherAccounts',
    { '111122223333': ['partner.billing'] },
    { '111122223333': ['a.b', 'c'], '444455556666': ['d'] },
  ),
  of('organizations', { 'o-a1b2c3d4e5': ['partner.billing'] }, { 'o-a1b2c3d4e5': ['x', 'app.y'] }),
  of(
    'serviceEvents',
    { uploads: { source: ['aws.s3'], 'detail-type': ['Object Created'] } },
    { a: { source: ['aws.ec2', 'aws.health'] }, 'name-of-16-chars': { source: ['aws.s3'] } },
  ),
  of(
    'outboxes',
    { shipping: 'OrderStatusChanged' },
    { a: 'OrderStatusChanged', 'name-of-16-chars': 'OrderStatusChanged' },
  ),
  of('partnerBuses', { shop: 'aws.partner/shopify.com/123/orders' }),
  {
    // Discovery reads no bus under a customer-managed key.
    settings: ['customerManagedKey', 'schemaRegistry'],
    values: [
      {},
      { customerManagedKey: true },
      { schemaRegistry: 'CONTRACTS' },
      { schemaRegistry: 'CONTRACTS_AND_DISCOVERY' },
      { customerManagedKey: true, schemaRegistry: 'CONTRACTS' },
    ],
  },
  {
    settings: ['orderReminderDays', 'orderDays'],
    values: [
      {},
      { orderReminderDays: 3 },
      { orderReminderDays: 365 },
      { orderDays: 15 },
      { orderReminderDays: 365, orderDays: 3650 },
    ],
  },
  of('reportIndex', 'STATUS_AND_KEYS', 'KEYS'),
  of('orderTableClass', 'STANDARD_INFREQUENT_ACCESS'),
  of('gradualDeployment', 'CANARY_10PERCENT_5MINUTES', 'LINEAR_10PERCENT_EVERY_1MINUTE'),
  of('notificationEmail', 'shop@example.com'),
  of('alarmEmail', 'ops@example.com'),
  of('ticketEmail', 'tickets@example.com'),
];

/** The settings of one choice of values, an index for each factor. */
export const settingsOf = (choice: readonly number[]): object =>
  choice.reduce<object>(
    (settings, value, factor) => merged(settings, FACTORS[factor]?.values[value] ?? {}),
    {},
  );

function merged(a: object, b: object): object {
  const result: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const before = result[key];
    result[key] = isObject(before) && isObject(value) ? merged(before, value) : value;
  }
  return result;
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * A covering array of strength 2: choices that together hold every pair of values of two factors at least once.
 * Greedy: each choice begins with a pair that is missing, and takes for each other factor the value that brings
 * most of the missing pairs.
 * @param sizes how many values each factor has
 */
export function allPairs(sizes: readonly number[]): number[][] {
  const key = (f: number, a: number, g: number, b: number) =>
    f < g ? `${f},${a},${g},${b}` : `${g},${b},${f},${a}`;
  const missing = new Set<string>();
  for (const [f, n] of sizes.entries()) {
    for (const [g, m] of sizes.entries()) {
      if (f >= g) continue;
      for (let a = 0; a < n; a++) for (let b = 0; b < m; b++) missing.add(key(f, a, g, b));
    }
  }
  const choices: number[][] = [];
  while (missing.size > 0) {
    const [first = ''] = missing;
    const [f = 0, a = 0, g = 0, b = 0] = first.split(',').map(Number);
    const choice = new Map([
      [f, a],
      [g, b],
    ]);
    // The factors with most values first: their pairs are the hardest to place.
    const order = [...sizes.keys()].sort((x, y) => (sizes[y] ?? 0) - (sizes[x] ?? 0));
    for (const factor of order) {
      if (choice.has(factor)) continue;
      const gains = Array.from({ length: sizes[factor] ?? 0 }, (_, value) => {
        let gain = 0;
        for (const [other, its] of choice) if (missing.has(key(factor, value, other, its))) gain++;
        return gain;
      });
      choice.set(factor, gains.indexOf(Math.max(...gains)));
    }
    for (const [x, its] of choice)
      for (const [y, theirs] of choice) if (x < y) missing.delete(key(x, its, y, theirs));
    choices.push(sizes.map((_, factor) => choice.get(factor) ?? 0));
  }
  return choices;
}
