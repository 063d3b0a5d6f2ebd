/** `npm start` over more than one run, and with folders that it cannot use. */
import fs from 'node:fs';
import path from 'node:path';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { writeAssembly } from '../template/template';
import { ECHO, LocalRun, makeProject, objects, REPOSITORY } from './local-run';
import { ACCOUNT, allow, ours, theirs } from './two-accounts';

jest.setTimeout(120_000);

describe('a run', () => {
  test.each(['SIGKILL', 'SIGINT'] as const)(
    'ended by %s, leaves what waits to be tried again to the next run on the same --data',
    async (signal) => {
      const project = makeProject({ code: 'exports.handler = async () => { throw new Error("no"); };' });
      const data = path.join(project, 'data');
      const first = new LocalRun(project, ['--port', '0', '--data', data]);
      await first.until('again in 60 s');
      first.process.kill(signal);
      const { stdout } = await first.ended;
      if (signal === 'SIGINT') {
        expect(stdout).toContain(
          '1 event to be tried again: the next run with this --data goes on with them.',
        );
      }
      fs.writeFileSync(path.join(project, 'lambdas/index.js'), ECHO);
      const args = ['--port', '0', '--data', data, '--no-samples', '--speed', '600'];
      const second = new LocalRun(project, args);
      await second.until('returns   {"heard":{"id":7}}');
      expect((await second.interrupt()).stdout).toContain('Going on with 1 event that the last run left.');
      const third = new LocalRun(project, args);
      await third.until('Listening');
      expect((await third.interrupt()).stdout).not.toContain('that the last run left');
    },
  );

  test('with --beside runs the stack of another account, and tells its steps apart', async () => {
    const partner = writeAssembly(theirs(allow(ACCOUNT)), {}, 'partner');
    const beside = ['--beside', `111122223333/eu-central-1=${partner}`];
    const given = ['--assembly', writeAssembly(ours()), '--region', 'us-east-1', ...beside, '--port', '0'];
    const put = async (url: string) => {
      const credentials = { accessKeyId: 'k', secretAccessKey: 's' };
      const client = new EventBridgeClient({ endpoint: url, region: 'us-east-1', credentials });
      const entry = { Source: 'app', DetailType: 'Placed', Detail: '{}' };
      await client.send(new PutEventsCommand({ Entries: [entry] }));
    };
    const local = new LocalRun(REPOSITORY, [...given, '--json']);
    await put(await local.url());
    const output = await local.until('"queue":"inbox"');
    const steps = objects(output.slice(0, output.lastIndexOf('\n') + 1));
    const account = { account: '111122223333', region: 'eu-central-1' };
    expect(steps).toContainEqual(expect.objectContaining({ kind: 'event-put', bus: 'partner', ...account }));
    await local.interrupt();

    const shown = new LocalRun(REPOSITORY, given);
    const [, url = ''] = /Listening on (\S+)/.exec(await shown.until('runs beside it and listens on')) ?? [];
    await put(url);
    await shown.until('Placed  app  in 111122223333 eu-central-1');
    await shown.interrupt();
  });

  test('says at the next start what it cannot go on with', async () => {
    const project = makeProject({ code: 'exports.handler = async () => { throw new Error("no"); };' });
    const data = path.join(project, 'data');
    const first = new LocalRun(project, ['--port', '0', '--data', data]);
    await first.until('again in 60 s');
    first.process.kill('SIGKILL');
    await first.ended;
    fs.renameSync(
      path.join(data, 'invocations', 'shop-worker.jsonl'),
      path.join(data, 'invocations', 'shop-former.jsonl'),
    );
    const second = new LocalRun(project, ['--port', '0', '--data', data, '--no-samples']);
    await second.until('Listening');
    expect((await second.interrupt()).stdout).toContain(
      'Not gone on with: 1 event waited for the function shop-former, which is no longer in the template.',
    );
  });
});

describe('bad input is one line and exit code 2', () => {
  const startOf = (project: string, ...args: string[]) =>
    new LocalRun(project, ['--json', '--port', '0', ...args]).ended;

  test('--data is a file, or lies within one, or where nothing can be written', async () => {
    const project = makeProject();
    const file = path.join(project, 'cdk.json');
    const ends = [
      [file, 'is a file; it must be a folder, or not be there yet.'],
      [path.join(file, 'data'), 'lies within a file; it must be a folder, or not be there yet.'],
      ['/sys/data', 'cannot be written: '],
    ] as const;
    for (const [data, reason] of ends) {
      const ended = await startOf(project, '--data', data);
      expect(ended).toMatchObject({ exitCode: 2, stdout: '' });
      expect(ended.stderr).toContain(`--data ${data} ${reason}`);
      expect(ended.stderr.match(/\n/g)).toHaveLength(1);
    }
  });

  test('what --data holds is damaged, or another run has it', async () => {
    const project = makeProject();
    const data = path.join(project, 'data');
    const first = new LocalRun(project, ['--json', '--port', '0', '--data', data]);
    await first.until('run-samples-sent');
    const second = await startOf(project, '--data', data);
    expect(second).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^.*Is another run using it\?\n$/),
    });
    await first.interrupt();
    fs.writeFileSync(path.join(data, 'tables', 'CURRENT'), 'no such thing\n');
    const damaged = await startOf(project, '--data', data);
    expect(damaged).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^[^\n]*tables cannot be opened[^\n]*\n$/),
    });
    fs.rmSync(path.join(data, 'tables'), { recursive: true });
    fs.writeFileSync(path.join(data, 'deliveries.jsonl'), '{"id":1,"work":{}}\nnot JSON\n');
    expect((await startOf(project, '--data', data)).stderr).toMatch(
      /^.*deliveries\.jsonl, line 2: .* Mend the line, or move the file away\.\n$/,
    );
  });
});
