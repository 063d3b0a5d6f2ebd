/** API models are renewed from a copy of botocore: here a small one. */
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import type { ApiModel } from '../../../../tools/local/endpoint/models/model';
import { renewModels } from '../../../../tools/local/endpoint/models/renewal';
import { temporaryDirectory } from '../../template/template';

const MODELS = path.join(__dirname, '..', '..', '..', '..', 'tools', 'local', 'endpoint', 'models');
const services = fs.readdirSync(MODELS).filter((name) => name.endsWith('.json'));

const http = { method: 'POST', requestUri: '/' };
const about = { documentation: '<p>long</p>' };
const API = {
  metadata: { apiVersion: '2012-11-05', ...about },
  operations: {
    Ping: { name: 'Ping', http },
    Send: { name: 'Send', http: { ...http, responseCode: 202 }, input: { shape: 'SendRequest' }, ...about },
    Unused: { name: 'Unused', http, input: { shape: 'UnusedRequest' } },
  },
  shapes: {
    SendRequest: {
      ...{ type: 'structure', required: ['Tags'], ...about },
      members: {
        Tags: { shape: 'Tags', location: 'header', locationName: 'x-tags', ...about },
        Names: { shape: 'Names' },
        Again: { shape: 'SendRequest' },
      },
    },
    Tags: { type: 'map', key: { shape: 'Name', ...about }, value: { shape: 'Name' } },
    Names: { type: 'list', member: { shape: 'Name', locationName: 'item' }, max: 3 },
    Name: { type: 'string', min: 1, sensitive: true },
    UnusedRequest: { type: 'structure', members: {} },
  },
};

function botocore(): string {
  const folder = temporaryDirectory();
  fs.writeFileSync(path.join(folder, '__init__.py'), "__version__ = '1.2.3'\n");
  for (const [version, api] of [
    ['2009-02-01', {}],
    ['2012-11-05', API],
  ] as const) {
    for (const name of [...services.map((file) => file.replace('.json', '')), 'stepfunctions']) {
      const data = path.join(folder, 'data', name, version);
      fs.mkdirSync(data, { recursive: true });
      fs.writeFileSync(path.join(data, 'service-2.json.gz'), zlib.gzipSync(JSON.stringify(api)));
    }
  }
  return folder;
}

const copy = botocore();
const read = (folder: string, service: string): ApiModel =>
  JSON.parse(fs.readFileSync(path.join(folder, `${service}.json`), 'utf8'));

test('a model has the operations that are asked for, with all that their input is made of, and no documentation', () => {
  const folder = temporaryDirectory();
  renewModels(copy, folder, ['sqs:Send', 'sqs:Ping']);
  expect(fs.readdirSync(folder).sort()).toEqual([...services].sort());
  expect(read(folder, 'sqs')).toEqual({
    ...{ source: 'botocore 1.2.3', apiVersion: '2012-11-05' },
    operations: { Ping: { http }, Send: { input: 'SendRequest', http: { ...http, responseCode: 202 } } },
    shapes: {
      SendRequest: {
        ...{ type: 'structure', required: ['Tags'] },
        members: {
          Tags: { shape: 'Tags', location: 'header', locationName: 'x-tags' },
          Names: { shape: 'Names' },
          Again: { shape: 'SendRequest' },
        },
      },
      Tags: { type: 'map', key: { shape: 'Name' }, value: { shape: 'Name' } },
      Names: { type: 'list', member: { shape: 'Name', locationName: 'item' }, max: 3 },
      Name: { type: 'string', min: 1 },
    },
  });
  expect(read(folder, 'sns').operations).toEqual({});
});

test('operations that a model has are kept, in one line each', () => {
  const folder = temporaryDirectory();
  renewModels(copy, folder, ['sqs:Send']);
  renewModels(copy, folder, ['sqs:Ping']);
  expect(Object.keys(read(folder, 'sqs').operations)).toEqual(['Ping', 'Send']);
  const text = fs.readFileSync(path.join(folder, 'sqs.json'), 'utf8');
  expect(text).toContain('\n    "Ping": {"http":{"method":"POST","requestUri":"/"}},\n    "Send": {');
  expect(text.endsWith('}\n')).toBe(true);
});

test('an operation that the service does not have is refused', () => {
  expect(() => renewModels(copy, temporaryDirectory(), ['sqs:Fly'])).toThrow(
    'There is no operation Fly in the API 2012-11-05.',
  );
});
