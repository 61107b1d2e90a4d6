// What `azoidc status -o json` tells, in sentences.
import {statusArguments} from './arguments.js';
import {ending, run} from './run.js';
import {withoutMasks} from './log.js';

/** readStatus returns the state of the azoidc of that name. It throws when there is none. */
export async function readStatus(binary, name) {
	const outcome = await run(binary, statusArguments(name));
	if (outcome.status !== 0) {
		throw new Error(withoutMasks(outcome.stderr) || `azoidc status ${ending(outcome)}`);
	}
	return JSON.parse(outcome.stdout);
}

/** signedIn tells who is signed in until when. */
export function signedIn(status) {
	const lines = (status.identities ?? []).map((identity) =>
		`Signed in as ${identity.clientId} of tenant ${identity.tenantId}${identity.name ? ` (${identity.name})` : ''}.`);
	for (const token of status.tokens ?? []) {
		lines.push(`Token for ${token.scopes.join(' ')} until ${clock(token.expiresOn)}, renewed by itself.`);
	}
	if (status.until) {
		lines.push(`azoidc runs until the job ends, at the latest until ${clock(status.until)}.`);
	}
	return lines.join('\n');
}

function clock(time) {
	return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** summary is the line of the job's summary. */
export function summary(status) {
	const {acquired = 0, refreshed = 0, refused = 0} = status.counts ?? {};
	const who = (status.identities ?? []).map((identity) => `<code>${html(identity.clientId)}</code>`).join(', ');
	return `azoidc${who && `, signed in as ${who}`}: ${count(acquired, 'token')} acquired, ${refreshed} refreshed, ${count(refused, 'refusal')}.`;
}

function count(n, noun) {
	return `${Number(n)} ${noun}${Number(n) === 1 ? '' : 's'}`;
}

/** html makes text that is text in GitHub's Markdown, too. */
function html(text) {
	return String(text).replace(/[^A-Za-z0-9 .:/-]/g, (c) => `&#${c.codePointAt(0)};`);
}
