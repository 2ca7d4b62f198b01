/* ---
description: Angka menurut kode, dari tabel yang tidak menyatakan semua kolomnya.
grain: Satu baris per kode
columns:
  kode: {description: Kode., classification: public}
  jumlah: {description: Jumlah nilai kali dua., classification: public}
--- */
SELECT kode, sum(nilai_dua_kali) AS jumlah, any_value(asal_data) AS asal_data
FROM core.fct_angka
GROUP BY kode
