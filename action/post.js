// The action's last step, at the job's end whatever came before: stops azoidc, and tells what it did.
import {stopArguments} from './arguments.js';
import {signOut} from './azurecli.js';
import {addSummary, state} from './files.js';
import {relay, warning, withoutMasks} from './log.js';
import {ending, run} from './run.js';
import {readStatus, summary} from './status.js';

const binary = state('binary');
const name = state('name');

const warningLines = 3; // what follows in az' messages is a traceback

/** attempt lets what follows happen even if this doesn't: the deployment itself was well, so the job isn't failed. */
async function attempt(what, f) {
	try {
		return await f();
	} catch (failure) {
		warning(`${what}: ${failure.message.split('\n').slice(0, warningLines).join('\n')}`);
		return undefined;
	}
}

if (state('az') !== '') {
	await attempt('Azure CLI stays signed in', () => signOut(JSON.parse(state('az'))));
}
if (name !== '') {
	const status = state('started') === 'true' && await attempt('azoidc isn\'t running any more', () => readStatus(binary, name));
	await attempt('azoidc isn\'t stopped', async () => {
		const outcome = await run(binary, stopArguments(name));
		relay(outcome.stdout);
		if (outcome.status !== 0) {
			throw new Error(withoutMasks(outcome.stderr) || `azoidc stop ${ending(outcome)}`);
		}
		relay(outcome.stderr);
	});
	if (status) {
		await attempt('no line in the job\'s summary', async () => addSummary(summary(status)));
	}
}
