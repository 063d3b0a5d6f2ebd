import { readFileSync } from 'node:fs';
import { App } from 'aws-cdk-lib';
import { DEFAULT_STAGE, dailyTime, parseStage, readConfig } from '../../lib/config';

const context = JSON.parse(readFileSync('cdk.json', 'utf8')).context;

test('the default stage has the documented values and bare names', () => {
  expect(parseStage(DEFAULT_STAGE, {})).toEqual({
    stage: 'production',
    prefix: 'event-driven',
    tags: {},
    retainData: true,
    isEphemeral: false,
    archiveRetentionDays: 30,
    logRetentionDays: 14,
    analyticsRetentionDays: 365,
    logLevel: 'INFO',
    unknownEventDetail: 'NAMES',
    analyticsVersioning: false,
    analyticsAccessLogs: false,
    busLogLevel: 'OFF',
    tracingPercent: 0,
    memory: {},
    reservedConcurrency: {},
    logLevels: {},
    tableCapacity: false,
    pointInTimeRecovery: true,
    delivery: { retryAttempts: 3, maxEventAge: 3600 },
    processing: { retryAttempts: 2, maxEventAge: 3600 },
    alarms: {
      queueDepth: 0,
      queueAge: 86400,
      undelivered: 0,
      errors: 5,
      throttles: 10,
      durationPercent: 80,
      eventAgePercent: 25,
      dropped: 0,
      tableThrottles: 10,
      tableErrors: 5,
      streamAge: 900,
      streamFailurePercent: 0,
      poisonEvents: 0,
      undeliveredNotifications: 0,
      refusedEvents: 0,
      trafficFloor: false,
      dailyReportMinutes: 30,
      quietMinutes: 60,
    },
    runbookUrl: 'docs/runbook.md',
    dailyReportSchedule: 'cron(0 9 * * ? *)',
    publisherAccounts: {},
    customerManagedKey: false,
    schemaRegistry: 'OFF',
    gradualDeployment: 'OFF',
    orderReminderDays: false,
    orderTableClass: 'STANDARD',
    reportIndex: 'STATUS',
    orderDays: false,
    organizations: {},
    serviceEvents: {},
    outboxes: {},
    partnerBuses: {},
  });
});

test('another stage has its name in the prefix and does not keep its data', () => {
  const config = parseStage('dev', { projectName: 'shop' });
  expect(config.prefix).toBe('shop-dev');
  expect(config.retainData).toBe(false);
});

test.each(Object.keys(context.stages))('the stage %s of cdk.json is valid and picked by -c stage', (key) => {
  const stage = key.replace('*', '7');
  expect(readConfig(new App({ context: { ...context, stage } }).node).stage).toBe(stage);
});

test('without any stages in the context the default stage is there', () => {
  expect(readConfig(new App().node).prefix).toBe('event-driven');
});

test.each([
  [
    { stage: 'porduction', stages: { production: {}, dev: {} } },
    `stage is "porduction", but must be one of cdk.json's stages: production, dev.`,
  ],
  [{ stages: [] }, 'cdk.json: context.stages is [], but must be an object of stages.'],
  [
    { stage: 'Dev', stages: { Dev: {} } },
    'stage is "Dev", but must be 1 to 15 lower-case letters, digits or hyphens, a letter first.',
  ],
  [
    { stages: { production: { projectName: 'shop-dev' }, dev: { projectName: 'shop' } }, stage: 'dev' },
    'cdk.json: stages.dev.projectName gives the names shop-dev-…, but the stage production has them already',
  ],
  [{ stages: { production: {}, dev: { memry: 1 } } }, 'cdk.json: stages.dev.memry is not a setting'],
])('a wrong context %j is one line that says what is allowed', (wrong, message) => {
  expect(() => readConfig(new App({ context: wrong }).node)).toThrow(message);
});

test.each<[unknown, string]>([
  [5, 'cdk.json: stages.dev is 5, but must be an object of settings.'],
  [{ memry: 1 }, 'cdk.json: stages.dev.memry is not a setting; allowed are projectName, tags,'],
  [{ memory: [] }, 'cdk.json: stages.dev.memory is [], but must be an object of settings by function.'],
  [
    { memory: { '../x': 128 } },
    'cdk.json: stages.dev.memory.../x is "../x", but must be the folder of a handler under lambdas/.',
  ],
  [
    { memory: { notifier: '128' } },
    'cdk.json: stages.dev.memory.notifier is "128", but must be a whole number',
  ],
  [
    { memory: { notifier: 64 } },
    'cdk.json: stages.dev.memory.notifier is 64, but must be a whole number from 128 to 10240.',
  ],
  [
    { projectName: 'Event Driven' },
    'cdk.json: stages.dev.projectName is "Event Driven", but must be 1 to 24 lower-case letters, digits or hyphens, a letter first.',
  ],
  [
    { tableCapacity: { least: 10, most: 5 } },
    'cdk.json: stages.dev.tableCapacity is {"least":10,"most":5}, but must be false or {"least": 5, "most": 1000}, ' +
      'whole numbers from 1 to 40000, least first.',
  ],
  [
    { logLevel: 'info' },
    'cdk.json: stages.dev.logLevel is "info", but must be one of DEBUG, INFO, WARN, ERROR.',
  ],
  [
    { logRetentionDays: 15 },
    'cdk.json: stages.dev.logRetentionDays is 15, but must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653.',
  ],
  [
    { delivery: { retryAttempts: 186 } },
    'cdk.json: stages.dev.delivery.retryAttempts is 186, but must be a whole number from 0 to 185.',
  ],
  [
    { processing: { maxEventAge: 59.5 } },
    'cdk.json: stages.dev.processing.maxEventAge is 59.5, but must be a whole number from 60 to 21600.',
  ],
  [
    { publisherAccounts: { '12345': ['partner.billing'] } },
    'cdk.json: stages.dev.publisherAccounts.12345 is "12345", but must be an account id of 12 digits.',
  ],
  [
    { publisherAccounts: ['444455556666'] },
    'cdk.json: stages.dev.publisherAccounts is ["444455556666"], but must name for each account the sources that it may publish: write {"444455556666": ["partner.billing"]}.',
  ],
  [
    { publisherAccounts: { '111122223333': [] } },
    'cdk.json: stages.dev.publisherAccounts.111122223333 is [], but must have the sources that the account may publish, at least one.',
  ],
  [
    { publisherAccounts: { '111122223333': ['aws.s3'] } },
    'cdk.json: stages.dev.publisherAccounts.111122223333.0 is "aws.s3", but must be the source of events, such as partner.billing.',
  ],
  [
    { tags: Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, ''])) },
    'but must have at most 49 tags: AWS takes 50 a resource, and one is Environment.',
  ],
  [{ tags: { Environment: 'x' } }, 'but must not have Environment, which is the stage.'],
  [
    JSON.parse('{"tags": {"__proto__": "x"}}'),
    'but must have none of the keys __proto__, constructor, prototype.',
  ],
  [{ retainData: 'no' }, 'cdk.json: stages.dev.retainData is "no", but must be true or false.'],
  [{ alarmEmail: 'ops' }, 'cdk.json: stages.dev.alarmEmail is "ops", but must be an e-mail address.'],
  [{ tags: { 'aws:x': 'y' } }, 'cdk.json: stages.dev.tags.aws:x is "aws:x", but must be a tag key'],
  [
    { alarms: { error: 1 } },
    'cdk.json: stages.dev.alarms.error is not a setting; allowed are queueDepth, queueAge, undelivered, errors,',
  ],
  [
    { alarms: { errors: -1 } },
    'cdk.json: stages.dev.alarms.errors is -1, but must be a whole number from 0 to 1000000.',
  ],
  [
    { alarms: { durationPercent: 100 } },
    'cdk.json: stages.dev.alarms.durationPercent is 100, but must be a whole number from 1 to 99.',
  ],
  [
    { alarms: { dailyReportMinutes: 60 } },
    'cdk.json: stages.dev.alarms.dailyReportMinutes is 60, but must be false or a whole number from 10 to 45.',
  ],
  [
    { dailyReportSchedule: 'rate(1 day)' },
    'cdk.json: stages.dev.alarms.dailyReportMinutes is 30, but must be false: dailyReportSchedule rate(1 day) is not one time every day.',
  ],
  [
    { dailyReportSchedule: 'cron(0 9 ? * MON-FRI *)' },
    'cdk.json: stages.dev.alarms.dailyReportMinutes is 30, but must be false',
  ],
  [
    { runbookUrl: 'https://wiki.example.com/ops#top' },
    'cdk.json: stages.dev.runbookUrl is "https://wiki.example.com/ops#top", but must be a URL or a path without blanks and #.',
  ],
  [
    { dailyReportSchedule: 'at nine' },
    'cdk.json: stages.dev.dailyReportSchedule is "at nine", but must be a cron(...) or rate(...) expression of EventBridge: ',
  ],
  [
    { dailyReportSchedule: 'cron(99 9 * * ? *)' },
    'cdk.json: stages.dev.dailyReportSchedule is "cron(99 9 * * ? *)", but must be a cron(...) or rate(...) expression of EventBridge: ',
  ],
  [
    { dailyReportSchedule: 'cron(0 9 30 2 ? *)', alarms: { dailyReportMinutes: false } },
    'is "cron(0 9 30 2 ? *)", but must be a cron(...) or rate(...) expression of EventBridge: it never fires.',
  ],
  [
    { alarms: { quietMinutes: 7 } },
    'cdk.json: stages.dev.alarms.quietMinutes is 7, but must be a multiple of 5 from 5 to 1440.',
  ],
])('the setting %j is refused with its name, its value and what is allowed', (settings, message) => {
  expect(() => parseStage('dev', settings)).toThrow(message);
});

test.each([
  ['cron(0 9 * * ? *)', 540],
  ['cron(30 6 ? * * *)', 390],
  ['cron(0/5 9 * * ? *)', undefined],
  ['cron(0 9,15 * * ? *)', undefined],
  ['cron(0 9 1 * ? *)', undefined],
  ['cron(0 9 * * ? 2027)', undefined],
  ['rate(1 day)', undefined],
])('%s fires every day at minute %s', (schedule, minute) => {
  expect(dailyTime(schedule)).toBe(minute);
});

test('an order is kept for longer than until its customer is reminded', () => {
  const { orderDays } = parseStage('dev', { orderReminderDays: 15, orderDays: 16 });
  expect(orderDays).toBe(16);
  expect(() => parseStage('dev', { orderReminderDays: 16, orderDays: 16 })).toThrow(
    'cdk.json: stages.dev.orderDays is 16, but must be more than orderReminderDays, which is 16: an order that is gone ' +
      'cannot be reminded of.',
  );
});

test('any schedule is taken without the alarm on its time', () => {
  const settings = { dailyReportSchedule: 'rate(12 hours)', alarms: { dailyReportMinutes: false } };
  expect(parseStage('dev', settings).alarms.dailyReportMinutes).toBe(false);
});

test.each([
  [['partner'], '111122223333'],
  ['partner', '111122223333'],
  [['999900001111'], '999900001111'],
])('publisherAccounts %j is refused with a form to write', (publisherAccounts, account) => {
  expect(() => parseStage('dev', { publisherAccounts })).toThrow(`write {"${account}": ["partner.billing"]}`);
});
