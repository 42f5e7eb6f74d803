# The pg gem: it sends and polls for itself; prepared statements, single rows, a pipeline, COPY.
require 'pg'
connection = PG.connect
connection.exec('CREATE TABLE prices (market text, price numeric)')
connection.exec_params('INSERT INTO prices VALUES ($1, $2)', ['hunter2', 1.5])
connection.prepare('cheap', 'SELECT market FROM prices WHERE price < $1')
2.times { |i| p connection.exec_prepared('cheap', [i + 1]).values }
connection.copy_data('COPY prices FROM STDIN') { connection.put_copy_data("KRW-ETH\t2\n") }
connection.copy_data('COPY prices TO STDOUT') { while (row = connection.get_copy_data) do p row end }
connection.send_query('SELECT market FROM prices ORDER BY 1')
connection.set_single_row_mode
connection.get_result.stream_each { |row| p row }
connection.get_result
connection.sync_exec('SELECT 5')
begin
  connection.exec('SELECT 1 / 0')
rescue PG::Error => error
  p error.class
end
connection.enter_pipeline_mode
connection.send_query_params('SELECT $1::int', [1])
connection.send_query_params('SELECT count(*) FROM prices', [])
connection.pipeline_sync
2.times { p connection.get_result.values; connection.get_result }
p connection.get_result.result_status
connection.exit_pipeline_mode
connection.transaction { |c| c.exec('DELETE FROM prices') }
connection.close
