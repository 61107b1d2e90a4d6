// The inputs of action.yml, checked.

const clouds = {
	azurecloud: {name: 'AzureCloud', authorityHost: 'https://login.microsoftonline.com/'},
	azureusgovernment: {name: 'AzureUSGovernment', authorityHost: 'https://login.microsoftonline.us/'},
	azurechinacloud: {name: 'AzureChinaCloud', authorityHost: 'https://login.chinacloudapi.cn/'},
};

/** readInputs throws an error that names the input and says what it takes. */
export function readInputs(env = process.env) {
	const get = (name) => text(env, name);
	return {
		clientID: get('client-id'),
		tenantID: get('tenant-id'),
		subscriptionID: get('subscription-id'),
		audience: get('audience'),
		cloud: cloud(get('environment')),
		scopes: lines(env, 'scopes'),
		identities: lines(env, 'identities'),
		requestEndpoint: truth('request-endpoint', get('request-endpoint')) ?? false,
		container: truth('container', get('container')) ?? false,
		azLogin: truth('az-login', get('az-login')), // undefined: where az is there
		powerShell: truth('enable-AzPSSession', get('enable-AzPSSession')) ?? false,
		allowNoSubscriptions: truth('allow-no-subscriptions', get('allow-no-subscriptions')) ?? false,
		binary: get('binary'),
		version: get('version').replace(/^v/, ''),
	};
}

function raw(env, name) {
	return env[`INPUT_${name.toUpperCase()}`] ?? '';
}

function text(env, name) {
	const value = raw(env, name).trim();
	if (/[\u0000-\u001f\u007f-\u009f]/.test(value)) {
		throw new Error(`input ${name}: it is one line, without control characters`);
	}
	return value;
}

function lines(env, name) {
	const found = raw(env, name).split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== '');
	if (found.some((line) => /[\u0000-\u001f\u007f-\u009f]/.test(line))) {
		throw new Error(`input ${name}: it is one value a line, without control characters`);
	}
	return found;
}

function truth(name, value) {
	switch (value.toLowerCase()) {
	case '':
		return undefined;
	case 'true':
		return true;
	case 'false':
		return false;
	}
	throw new Error(`input ${name}: it is true or false, not ${JSON.stringify(value)}`);
}

function cloud(environment) {
	if (environment === '') {
		return undefined;
	}
	const known = Object.hasOwn(clouds, environment.toLowerCase()) && clouds[environment.toLowerCase()];
	if (!known) {
		throw new Error(`input environment: it is one of ${Object.values(clouds).map((c) => c.name).join(', ')}, not ` +
			`${JSON.stringify(environment)}; for another cloud set the variable AZURE_AUTHORITY_HOST, and 'az cloud set' in a step before`);
	}
	return known;
}
