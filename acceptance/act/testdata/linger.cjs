// act loses what a failing step prints last: it doesn't wait until it has read all. So such a step waits for act.
'use strict';
process.on('exit', (status) => {
	if (status !== 0) {
		Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
	}
});
