// pg-native: libpq from an addon, queries sent and waited for by libuv; then the synchronous calls.
const Client = require('pg-native')
const client = new Client()
const query = (...words) => new Promise((resolve) => client.query(...words, (error, rows) => resolve(error ? error.message : rows)))
client.connect(async (error) => {
  if (error) throw error
  await query('CREATE TABLE prices (market text, price numeric)')
  await query('INSERT INTO prices VALUES ($1, $2)', ['hunter2', 1.5])
  console.log(await query('SELECT * FROM prices'))
  console.log(await query('SELECT 1 / 0'))
  client.prepareSync('cheap', 'SELECT count(*) FROM prices WHERE price < $1', 1)
  console.log(client.executeSync('cheap', [2]))
  console.log(client.querySync('SELECT $1::int + 1 AS n', [41]))
  client.prepare('dear', 'SELECT count(*) FROM prices WHERE price > $1', 1, () =>
    client.execute('dear', [2], (failure, rows) => {
      console.log(rows)
      client.end(() => console.log('done'))
    }))
})
