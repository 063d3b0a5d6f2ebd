/** The API models of the services that the endpoint speaks for; DynamoDB's input is checked by dynalite. */
import cloudformation from './cloudformation.json';
import cloudtrail from './cloudtrail.json';
import cloudwatch from './cloudwatch.json';
import events from './events.json';
import firehose from './firehose.json';
import kms from './kms.json';
import lambda from './lambda.json';
import logs from './logs.json';
import type { ApiModel } from './model';
import s3 from './s3.json';
import scheduler from './scheduler.json';
import sns from './sns.json';
import sqs from './sqs.json';
import states from './states.json';
import sts from './sts.json';

const models = {
  ...{ cloudformation, cloudtrail, cloudwatch, events, firehose, kms, lambda, logs, s3, scheduler },
  ...{ sns, sqs, states, sts },
};

export const MODELS: Readonly<Record<keyof typeof models, ApiModel>> = models;
