console.log('log', 1);
console.error('error');
process.stdout.write('x'.repeat(20000) + '\n');
process.exitCode = 5;
