/** A CDK app with a stack of nothing, which `npm run bench -- synth` sets this app's synth beside. */
import { App, Stack } from 'aws-cdk-lib';

new Stack(new App(), 'empty');
