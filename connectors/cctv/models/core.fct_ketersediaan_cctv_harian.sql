/* ---
description: >-
  Ketersediaan siaran per kamera dan hari. Jam yang seluruhnya unknown tidak menurunkan uptime; cakupan_persen
  menunjukkan berapa bagian hari yang sungguh diperiksa.
grain: Satu baris per tanggal dan kamera
partition: tanggal
columns:
  tanggal: {description: Tanggal bisnis (WIB)., classification: public}
  id_kamera: {description: Nomor kamera., classification: public}
  probe_sah: {description: Slot yang diperiksa dengan hasil sah; paling banyak 288., satuan: slot, classification: public}
  up: {description: Slot dengan siaran up., satuan: slot, classification: public}
  frozen: {description: Slot dengan siaran frozen., satuan: slot, classification: public}
  playlist_only: {description: Slot dengan daftar putar saja., satuan: slot, classification: public}
  http_error: {description: Slot dengan galat HTTP., satuan: slot, classification: public}
  timeout: {description: Slot tanpa jawaban., satuan: slot, classification: public}
  dns: {description: Slot dengan nama host tidak dikenal., satuan: slot, classification: public}
  unknown: {description: Slot tanpa hasil sah., satuan: slot, classification: public}
  unknown_pemeriksa_mati: {description: Bagian unknown saat pemeriksa tidak berdenyut., satuan: slot, classification: public}
  jam_unknown: {description: Jam yang seluruh slotnya unknown., satuan: jam, classification: public}
  uptime_persen: {description: 100 × up / probe_sah; kosong bila tidak ada probe sah., satuan: persen, classification: public}
  cakupan_persen: {description: 100 × probe_sah / 288., satuan: persen, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
SELECT
    tanggal,
    id_kamera,
    CAST(sum(probe_sah) AS INTEGER) AS probe_sah,
    CAST(sum(up) AS INTEGER) AS up,
    CAST(sum(frozen) AS INTEGER) AS frozen,
    CAST(sum(playlist_only) AS INTEGER) AS playlist_only,
    CAST(sum(http_error) AS INTEGER) AS http_error,
    CAST(sum(timeout) AS INTEGER) AS timeout,
    CAST(sum(dns) AS INTEGER) AS dns,
    CAST(sum(unknown) AS INTEGER) AS unknown,
    CAST(sum(unknown_pemeriksa_mati) AS INTEGER) AS unknown_pemeriksa_mati,
    CAST(count(*) FILTER (WHERE probe_sah = 0) AS INTEGER) AS jam_unknown,
    round(100.0 * sum(up) / nullif(sum(probe_sah), 0), 2) AS uptime_persen,
    round(100.0 * sum(probe_sah) / 288, 2) AS cakupan_persen,
    max(asal_data) AS asal_data
FROM core.fct_ketersediaan_cctv
GROUP BY tanggal, id_kamera
