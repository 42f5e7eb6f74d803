<?php
// An easy handle, used again and copied; a multi handle; exit from within a write callback is left to others.
$url = getenv("WEB_URL");
$handle = curl_init("$url/small");
curl_setopt_array($handle, [CURLOPT_RETURNTRANSFER => true, CURLOPT_HTTPHEADER => ["X-Case: php"]]);
echo curl_exec($handle);
curl_setopt_array($handle, [CURLOPT_URL => "$url/post", CURLOPT_POSTFIELDS => "pw=hunter2"]);
echo curl_exec($handle);
$copy = curl_copy_handle($handle);
curl_reset($handle);
curl_setopt_array($handle, [CURLOPT_URL => "$url/status/503", CURLOPT_RETURNTRANSFER => true]);
curl_exec($handle);
echo curl_getinfo($handle, CURLINFO_RESPONSE_CODE), "\n";
curl_setopt($copy, CURLOPT_CUSTOMREQUEST, "DELETE");
curl_exec($copy);

$multi = curl_multi_init();
$handles = [];
foreach (["/small", "/large", "/status/404"] as $path) {
    $handles[$path] = curl_init($url . $path);
    curl_setopt($handles[$path], CURLOPT_RETURNTRANSFER, true);
    curl_multi_add_handle($multi, $handles[$path]);
}
do {
    $status = curl_multi_exec($multi, $running);
    if ($running) curl_multi_select($multi);
} while ($running && $status == CURLM_OK);
while (curl_multi_info_read($multi)) {
}
foreach ($handles as $path => $one) {
    echo $path, " ", strlen(curl_multi_getcontent($one)), " ", curl_getinfo($one, CURLINFO_RESPONSE_CODE), "\n";
    curl_multi_remove_handle($multi, $one);
}
curl_multi_close($multi);
