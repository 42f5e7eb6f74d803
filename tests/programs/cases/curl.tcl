# TclCurl: a handle used again, and transfers of one call. Its multi interface ends in a segmentation fault by itself.
package require TclCurl
set url $env(WEB_URL)
set handle [curl::init]
foreach path {/small /status/404 /large} {
    $handle configure -url $url$path -bodyvar body
    puts "[$handle perform] [$handle getinfo responsecode] [string length $body]"
}
$handle configure -url $url/post -post 1 -postfields pw=hunter2 -headervar headers
puts "[$handle perform] $headers(Content-Type)"
$handle configure -url $url/redirect -post 0 -httpget 1 -followlocation 1 -bodyvar body
puts "[$handle perform] [$handle getinfo redirectcount]"
$handle cleanup
curl::transfer -url $url/status/503 -file out
