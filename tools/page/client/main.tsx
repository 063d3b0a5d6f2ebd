import { render } from 'preact';
import { PageApp } from './app';
import { connect } from './state';

const root = document.getElementById('root');
if (root) render(<PageApp />, root);
void connect();
