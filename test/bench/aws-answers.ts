/** AWS's answers to the handlers, from a process of this machine: TLS as in AWS, and always the same bodies. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface AwsAnswers {
  readonly url: string;
  /** PEM file of the authority that signed the server's certificate; undefined if the answers come without TLS. */
  readonly authority: string | undefined;
  /** AWS calls answered since the last question. */
  takeCount(): number;
  stop(): Promise<void>;
}

/** An order that was created a minute ago, as the orders table has it. */
const ORDER = {
  orderId: { S: 'ORD-2026-1' },
  customerEmail: { S: 'jane@example.com' },
  customerId: { S: 'customer-1' },
  total: { N: '149.99' },
  correlationId: { S: 'corr-1' },
  createdAt: { S: '2026-11-23T10:00:00.000Z' },
  createdBy: { S: 'evt-0' },
  status: { S: 'SHIPPED' },
  revision: { N: '2' },
  fact_SHIPPED: { M: { at: { S: '2026-11-23T10:01:00.000Z' }, by: { S: 'evt-1' } } },
};

const BODIES: Readonly<Record<string, (body: string) => object>> = {
  UpdateItem: () => ({}),
  PutItem: () => ({}),
  GetItem: (body) => (body.includes('"bench-orders"') ? { Item: ORDER } : {}),
  PutRecord: () => ({ RecordId: 'record-1' }),
  PutRecordBatch: () => ({ FailedPutCount: 0, RequestResponses: [{ RecordId: 'record-1' }] }),
};

const PUBLISHED =
  '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>message-1</MessageId>' +
  '</PublishResult><ResponseMetadata><RequestId>request-1</RequestId></ResponseMetadata></PublishResponse>';

export async function startAwsAnswers(): Promise<AwsAnswers> {
  let count = 0;
  const answer: RequestListener = (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      // A connection that is opened in advance is no call.
      if (request.method === 'GET') {
        response.end('healthy');
        return;
      }
      count++;
      const operation = String(request.headers['x-amz-target'] ?? '').replace(/^.*\./, '');
      if (operation === '') {
        response.setHeader('content-type', 'text/xml').end(PUBLISHED);
        return;
      }
      const make = BODIES[operation];
      response.statusCode = make ? 200 : 400;
      response.setHeader('content-type', 'application/x-amz-json-1.1');
      response.end(JSON.stringify(make?.(body) ?? { __type: 'UnknownOperationException' }));
    });
  };
  const certificate = makeCertificate();
  const server: Server = certificate ? createServer(certificate, answer) : createPlainServer(answer);
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${certificate ? 'https' : 'http'}://localhost:${port}`,
    authority: certificate?.file,
    takeCount() {
      const taken = count;
      count = 0;
      return taken;
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      if (certificate) rmSync(certificate.directory, { recursive: true, force: true });
    },
  };
}

/** A certificate for localhost by openssl; undefined on a machine without it. */
function makeCertificate() {
  const directory = mkdtempSync(join(tmpdir(), 'bench-tls-'));
  const [key, file] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  try {
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
        ...['-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', file],
      ],
      { stdio: 'ignore' },
    );
  } catch {
    rmSync(directory, { recursive: true, force: true });
    return undefined;
  }
  return { directory, file, key: readFileSync(key), cert: readFileSync(file) };
}
