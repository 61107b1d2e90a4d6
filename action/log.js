// The job's log. The runner executes what looks like its commands: `::name::` at a line's start and `##[name]` anywhere;
// Azure Pipelines' agent, whose users run the same programs, `##vso[` anywhere. So whatever wasn't written here is
// defused before it is printed.
// https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs

const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** plain returns text, of any number of lines, in which no line is a command and no character steers a terminal. */
export function plain(text) {
	return String(text)
		.replace(/\r\n/g, '\n')
		.replace(/\t/g, ' ')
		.replace(controls, '\ufffd')
		.replace(/##(?=\[|vso\[)/gi, '# #')
		.replace(/^(\s*):(?=:)/gm, '$1: ');
}

/** escapeData is what the runner undoes in a command's data. */
export function escapeData(data) {
	return data.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
}

function write(line) {
	process.stdout.write(line + '\n');
}

function command(name, data) {
	write(`::${name}::${escapeData(data)}`);
}

export function info(text) {
	write(plain(text));
}

export function warning(text) {
	command('warning', plain(text));
}

export function error(text) {
	command('error', plain(text));
}

/** group prints text behind a title that unfolds. */
export function group(title, text) {
	command('group', plain(title));
	info(text);
	command('endgroup', '');
}

const maskLine = /^::add-mask::[\x21-\x7e]+$/;

/** relay prints what azoidc printed: its masks as the commands that they are, all else defused. */
export function relay(text) {
	for (const line of text.split(/\r?\n/)) {
		if (maskLine.test(line)) {
			write(line);
		} else if (line.trim() !== '') {
			info(line);
		}
	}
}

/** withoutMasks is what relay would show. */
export function withoutMasks(text) {
	return without(text, maskLine);
}

/** withoutAnnotations leaves out what the doctor itself would put at the top of the run, where one error is enough. */
export function withoutAnnotations(text) {
	return without(text, /^::(error|warning)::azoidc doctor: /);
}

function without(text, pattern) {
	return text.split(/\r?\n/).filter((line) => !pattern.test(line)).join('\n').trim();
}
