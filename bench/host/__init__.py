"""The machine of a measurement, and the processes on it.

``machine``      its cores and files, and the work of each process
``processes``    a process on a core, asked in JSON lines, that ends with the bench
``usage``        what the server, the rest of the bench and everybody else used
``trees``        copies of this tree and of a commit's
``go_programs``  servers that are built from Go modules
"""
