import { render } from 'preact';
import { App } from './app';
import { connect } from './state';

const root = document.getElementById('root');
if (root) render(<App />, root);
void connect();
