// Other programs, started without a shell.
import {spawn} from 'node:child_process';

const endings = ['SIGINT', 'SIGTERM'];
const outputLimit = 1 << 20; // bytes that are kept of each stream
const drainTime = 1000; // ms for output that is still on its way when a program has ended

/**
 * run runs a program to its end, and returns its exit status, or the name of the signal that ended it, and what it
 * printed. It rejects only when the program can't be started. A signal that asks this process to end is passed on;
 * cancelled tells that there was one.
 */
export function run(file, args, {env = process.env} = {}) {
	return new Promise((resolve, reject) => {
		const child = spawn(file, args, {env, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true});
		const stdout = collect(child.stdout);
		const stderr = collect(child.stderr);
		let cancelled = false;
		const passOn = (signal) => {
			cancelled = true;
			child.kill(signal);
		};
		endings.forEach((signal) => process.on(signal, passOn));
		const forget = () => endings.forEach((signal) => process.off(signal, passOn));
		child.on('error', (error) => {
			forget();
			reject(new Error(`${file} can't be run: ${error.message}`));
		});
		child.on('exit', (status, signal) => {
			forget();
			const done = () => {
				child.stdout.destroy();
				child.stderr.destroy();
				resolve({status, signal, cancelled, stdout: stdout(), stderr: stderr()});
			};
			// A process in the background that holds on to a stream mustn't hold up the step.
			const timer = setTimeout(done, drainTime);
			child.on('close', () => {
				clearTimeout(timer);
				done();
			});
		});
	});
}

function collect(stream) {
	const chunks = [];
	let size = 0;
	stream.on('data', (chunk) => {
		if (size < outputLimit) {
			chunks.push(chunk.subarray(0, outputLimit - size));
		}
		size += chunk.length;
	});
	return () => Buffer.concat(chunks).toString('utf8');
}

/** ending says how a program ended that didn't end well. */
export function ending({status, signal}) {
	return signal ? `was ended by ${signal}` : `ended with status ${status}`;
}
